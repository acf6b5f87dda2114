import { constants } from "node:os";
import type { StopReport } from "@executor-host/sdk";

import { limits } from "../defaults.ts";
import { isEngineGone, messageOf } from "../failure.ts";
import { pause, within } from "./pause.ts";
import { unhurried, type DockerRun } from "./run.ts";

interface StopOptions {
  readonly graceMs: number;
  /** Aborts: no more grace. */
  readonly forceSignal: AbortSignal;
  /** Settles when the container has ended. */
  readonly ended: Promise<unknown>;
}

/** Ask a container to stop, wait, kill it, and see that it is gone. Never rejects; what did not work is in the report. */
export async function stopContainer(
  run: DockerRun,
  id: string,
  { graceMs, forceSignal, ended }: StopOptions,
): Promise<StopReport> {
  const { engine, execution } = run;
  const steps: { action: string; time: Date; detail?: string }[] = [];
  const kill = async (name: string): Promise<void> => {
    const step: (typeof steps)[number] = { action: name, time: new Date() };
    steps.push(step);
    await persistently(() => engine.kill(id, name, unhurried())).catch((error: unknown) => {
      step.detail = messageOf(error);
    });
  };
  const over = ended.then(
    () => true,
    () => true,
  );
  if (graceMs > 0 && !forceSignal.aborted) {
    await kill(await stopSignalOf(run, id));
    const forced = new Promise<undefined>((resolve) =>
      forceSignal.addEventListener("abort", () => resolve(undefined), { once: true }),
    );
    if ((await Promise.race([within(over, graceMs), forced])) === true) return { steps, survivors: [] };
  }
  await kill("SIGKILL");
  if ((await within(over, limits.killMs)) === true) return { steps, survivors: [] };
  const facts = await engine.inspect(id, unhurried()).catch((error: unknown) => {
    execution.log.warn("cannot see whether the container has ended", { error: messageOf(error) });
    return undefined;
  });
  const pid = facts?.State.Pid ?? 0;
  return { steps, survivors: facts?.State.Running === false ? [] : [{ pid, command: `container ${id.slice(0, 12)}` }] };
}

async function stopSignalOf({ execution, engine }: DockerRun, id: string): Promise<string> {
  if (execution.config.stop_signal) return execution.config.stop_signal;
  const facts = await engine.inspect(id, unhurried()).catch(() => undefined);
  const { StopSignal } = (facts?.Config ?? {}) as { StopSignal?: string };
  if (!StopSignal) return "SIGTERM";
  // Podman gives its number.
  const named = Object.entries(constants.signals).find(([, number]) => String(number) === StopSignal);
  return named?.[0] ?? StopSignal;
}

/** An engine that is just being restarted gets a few more chances. */
async function persistently(work: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + limits.killMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isEngineGone(error) || performance.now() > deadline) throw error;
      await pause(limits.maxReconnectMs, unhurried());
    }
  }
}
