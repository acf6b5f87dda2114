import type { Duplex } from "node:stream";

import type { Report, StopReport } from "@executor-host/sdk";
import { isHostLost, stopRequestOf } from "@executor-host/sdk/remote";

import { keptName } from "../container/names.ts";
import { limits } from "../defaults.ts";
import { DockerFailure, isEngineGone, messageOf } from "../failure.ts";
import { OutputRelay } from "../output/relay.ts";
import type { Claim } from "./claim.ts";
import { patiently } from "./engine-back.ts";
import { firstTrouble } from "./health.ts";
import { followToEnd } from "./output.ts";
import { reportOf, type Ended, type Ending } from "./report.ts";
import { unhurried, type DockerRun } from "./run.ts";
import { stopContainer } from "./stop.ts";
import { UsageWatch } from "./usage.ts";

/** Start the execution's container unless that has been done, and stay with it until it has ended and is removed. */
export async function followContainer(run: DockerRun, claim: Claim): Promise<Report> {
  const { execution, evidence } = run;
  evidence["containerId"] = claim.id;
  evidence["containerName"] = claim.name;
  const life = new AbortController();
  try {
    const live = claim.isNew ? await startContainer(run, claim, life.signal) : undefined;
    execution.started(`container ${claim.id.slice(0, 12)} of ${execution.config.image}`);
    const ended = await toItsEnd(run, claim, live, life);
    if (ended === "left-running") return leftRunning(run);
    const report = reportOf(run, ended);
    // Nobody has this result. The ended container still has it, for whoever executes the same again; and a new one must not be started for that.
    if (isHostLost(execution)) return report;
    const left = await tidyUp(run, claim, report.outcome !== "SUCCEEDED");
    return { ...report, warnings: [...(report.warnings ?? []), ...left] };
  } finally {
    life.abort();
  }
}

/** @returns its output from the first byte; undefined when somebody else started it, and only the log has everything */
async function startContainer(run: DockerRun, { id }: Claim, signal: AbortSignal): Promise<Duplex | undefined> {
  const { execution, engine } = run;
  const { stdin } = execution.config;
  try {
    execution.signal.throwIfAborted();
    const connection = await engine.attach(id, stdin !== undefined, signal);
    // It breaks when the engine goes; whoever reads from it sees that.
    connection.on("error", () => undefined);
    const isFirst = await engine.start(id, unhurried());
    if (stdin !== undefined) connection.end(stdin);
    if (isFirst) return connection;
    connection.destroy();
    return undefined;
  } catch (error) {
    // The answer was lost, but perhaps not the order.
    if (isEngineGone(error)) execution.started(`container ${id.slice(0, 12)}`);
    await engine.remove(id, unhurried()).catch((problem: unknown) => {
      execution.warn(`the container that did not start is left: ${messageOf(problem)}`);
    });
    throw error;
  }
}

async function toItsEnd(
  run: DockerRun,
  { id }: Claim,
  live: Duplex | undefined,
  life: AbortController,
): Promise<Ended | "left-running"> {
  const { execution, engine } = run;
  const { config, forceSignal } = execution;
  const relay = new OutputRelay(execution, config.tty);
  const exited = followToEnd({ run, id, relay, live, signal: life.signal });
  exited.catch(() => undefined);
  const watch = new UsageWatch();
  const watching = watch.watch(execution, engine, id, life.signal);
  const ending = await firstEnding(run, id, exited, life.signal);
  if (ending === "host-lost") return "left-running";
  let stop: StopReport | undefined;
  if (ending.kind !== "exited") {
    const graceMs = ending.kind === "cancelled" ? ending.request.graceMs : limits.stopGraceMs;
    stop = await stopContainer(run, id, { graceMs, forceSignal, ended: exited });
    // After this nobody reads the output of a container that would not go.
    if (stop.survivors.length > 0 || forceSignal.aborted) life.abort();
  }
  const code = await exited.catch((error: unknown) => {
    if (ending.kind === "exited" || !life.signal.aborted) throw error;
    return undefined;
  });
  const facts = await patiently(run, forceSignal, () => engine.inspect(id, unhurried()));
  life.abort();
  await watching;
  run.evidence["stdoutBytes"] = relay.bytes.stdout;
  run.evidence["stderrBytes"] = relay.bytes.stderr;
  return { ending, exitCode: code ?? facts?.State.ExitCode ?? 0, facts, stop, usage: watch.usage };
}

/** Wait for the first of all that can end a container. Nothing that comes later changes it. */
async function firstEnding(
  run: DockerRun,
  id: string,
  exited: Promise<number>,
  life: AbortSignal,
): Promise<Ending | "host-lost"> {
  const { execution, engine } = run;
  const { signal, config } = execution;
  const first = Promise.withResolvers<Ending | "host-lost">();
  const stopped = async (): Promise<void> => {
    // A host that goes away aborts both signals, one right after the other; one that asks to stop does not.
    await Promise.resolve();
    first.resolve(
      run.execution.config.on_host_loss === "keep" && isHostLost(run.execution)
        ? "host-lost"
        : { kind: "cancelled", request: stopRequestOf(signal) },
    );
  };
  const listener = (): void => void stopped();
  const timer =
    config.timeout > 0
      ? setTimeout(() => first.resolve({ kind: "timed-out" }), Math.min(config.timeout, 2 ** 31 - 1))
      : undefined;
  exited.then(() => first.resolve({ kind: "exited" }), first.reject);
  if (config.wait_healthy > 0) {
    firstTrouble(execution, engine, id, life).then(
      (trouble) => first.resolve({ kind: "unhealthy", trouble }),
      // The container's own end says more.
      (error: unknown) =>
        life.aborted || execution.log.warn("cannot ask for the container's health", { error: messageOf(error) }),
    );
  }
  signal.addEventListener("abort", listener);
  if (signal.aborted) listener();
  try {
    return await first.promise;
  } finally {
    signal.removeEventListener("abort", listener);
    clearTimeout(timer);
  }
}

function leftRunning({ execution, evidence }: DockerRun): Report {
  return {
    outcome: "CANCELLED",
    message: `left running: ${stopRequestOf(execution.signal).reason}`,
    hint: "the same execution id finds the container again",
    code: "CANCELLED",
    evidence: { ...evidence },
  };
}

/** @returns remarks */
async function tidyUp({ execution, engine }: DockerRun, { id, name }: Claim, hasFailed: boolean): Promise<string[]> {
  try {
    if (!hasFailed || !execution.config.keep_failed) {
      await engine.remove(id, unhurried());
      return [];
    }
    const kept = keptName(name, id);
    await engine.rename(id, kept, unhurried());
    return [`the container is kept as ${kept}`];
  } catch (error) {
    if (error instanceof DockerFailure && error.code === "CONTAINER_REFUSED") return [];
    return [`the container ${name} is left behind: ${messageOf(error)}`];
  }
}
