import type { StopReport } from "@executor-host/sdk";

import { limits } from "../defaults.ts";
import { isPassing, messageOf } from "../failure.ts";
import { call, unhurried, type EcsRun } from "../run.ts";
import { BackOff } from "./pause.ts";

/** Have the service stop a task, and see that it has. Never rejects; what did not work is in the report. @param ended settles when the task has stopped */
export async function stopTask(run: EcsRun, arn: string, reason: string, ended: Promise<unknown>): Promise<StopReport> {
  const { execution, clients } = run;
  const { forceSignal, config } = execution;
  const { ecs, commands } = clients;
  const step: { action: string; time: Date; detail?: string } = { action: "StopTask", time: new Date() };
  const asked = new commands.StopTaskCommand({ cluster: config.cluster, task: arn, reason: reason.slice(0, 255) });
  using limit = stopLimit(forceSignal);
  const backOff = new BackOff(config.poll_interval);
  for (;;) {
    try {
      await call("StopTask", unhurried(), (options) => ecs.send(asked, options));
      break;
    } catch (error) {
      step.detail = messageOf(error);
      if (limit.signal.aborted || !isPassing(error)) break;
      const waited = await backOff.wait(limit.signal).catch(() => "late" as const);
      if (waited === "late") break;
    }
  }
  const late = new Promise<false>((resolve) => {
    if (limit.signal.aborted) resolve(false);
    else limit.signal.addEventListener("abort", () => resolve(false), { once: true });
  });
  const over = ended.then(
    () => true,
    () => false,
  );
  const isOver = await Promise.race([over, late]);
  return { steps: [step], survivors: isOver ? [] : [{ pid: 0, command: `task ${arn}` }] };
}

function stopLimit(forceSignal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const limit = new AbortController();
  const late = setTimeout(() => limit.abort(), limits.stopMs);
  let forced: NodeJS.Timeout | undefined;
  const force = (): void => {
    forced ??= setTimeout(() => limit.abort(), limits.forcedStopMs);
  };
  forceSignal.addEventListener("abort", force, { once: true });
  if (forceSignal.aborted) force();
  return {
    signal: limit.signal,
    [Symbol.dispose]() {
      clearTimeout(late);
      clearTimeout(forced);
      forceSignal.removeEventListener("abort", force);
    },
  };
}
