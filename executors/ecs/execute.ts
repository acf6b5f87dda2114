import type { Task, TaskDefinition } from "@aws-sdk/client-ecs";
import { StopRequest, type Execution, type Report, type StopReport } from "@executor-host/sdk";
import { isHostLost, stopRequestOf } from "@executor-host/sdk/remote";

import { awsFailure } from "./client/aws-failure.ts";
import type { ClientPool } from "./client/clients.ts";
import type { Config } from "./config.ts";
import { limits } from "./defaults.ts";
import { EcsFailure, messageOf } from "./failure.ts";
import { TaskLogs } from "./logs/follow.ts";
import { call, unhurried, type EcsRun } from "./run.ts";
import { claimTask, findTask } from "./task/claim.ts";
import { findDefinition } from "./task/definition.ts";
import { followTask } from "./task/follow.ts";
import { reportOf, type Ending } from "./task/report.ts";
import { stopTask } from "./task/stop.ts";

/** Run one job as a task, or follow the task it already runs as, and report what came of it. */
export async function execute(execution: Execution<Config>, pool: ClientPool): Promise<Report> {
  const { signal, config } = execution;
  const evidence: EcsRun["evidence"] = { cluster: config.cluster };
  let isRunning = false;
  try {
    const isRecall = signal.aborted;
    const run: EcsRun = { execution, clients: await pool.of(config), evidence };
    // Told to stop what there is: that is looked for without hurry, and nothing is started.
    const found = isRecall ? await findTask(unhurriedly(run)) : undefined;
    if (isRecall && found === undefined) throw signal.reason;
    const definition = await findDefinition(isRecall ? unhurriedly(run) : run);
    evidence["taskDefinition"] = definition.taskDefinitionArn;
    const arn = found ?? (await claimTask(run, definition));
    isRunning = true;
    evidence["task"] = arn;
    execution.started(`task ${arn}`);
    const report = await toItsEnd(run, arn, definition);
    if (config.deregister && evidence["registered"] === true) await deregister(run, definition.taskDefinitionArn);
    return report;
  } catch (error) {
    // A call that starts a task may have worked although its answer was lost.
    const effect = isRunning || isUncertain(error) ? undefined : ("NONE" as const);
    if (signal.aborted && error === signal.reason) {
      const why = error instanceof StopRequest ? error.reason : "no reason given";
      return {
        outcome: "CANCELLED",
        code: "CANCELLED",
        message: `stopped before the task ran: ${why}`,
        effect,
        evidence,
      };
    }
    const failure = awsFailure(error, "the AWS client");
    if (!(failure instanceof EcsFailure)) throw failure;
    const { code, message, hint, retryability } = failure;
    return { outcome: "FAILED", code, message, hint, retryability, effect, evidence };
  }
}

function unhurriedly(run: EcsRun): EcsRun {
  return { ...run, execution: { ...run.execution, signal: unhurried() } };
}

function isUncertain(error: unknown): boolean {
  return (
    error instanceof EcsFailure &&
    error.message.startsWith("RunTask") &&
    ["API_UNREACHABLE", "API_ERROR"].includes(error.code)
  );
}

async function toItsEnd(run: EcsRun, arn: string, definition: TaskDefinition): Promise<Report> {
  const { execution, evidence } = run;
  const life = new AbortController();
  const logs = new TaskLogs(run, definition, life.signal);
  try {
    const ended = followTask(run, arn, life.signal, (task) => logs.add(task));
    ended.catch(() => undefined);
    const ending = await firstEnding(execution, ended);
    if (ending === "host-lost") return leftRunning(run);
    let stop: StopReport | undefined;
    if (ending.kind !== "stopped") {
      const reason = ending.kind === "cancelled" ? ending.request.reason : "timed out";
      stop = await stopTask(run, arn, `executor-host: ${reason}`, ended);
      if (stop.survivors.length > 0 || execution.forceSignal.aborted) life.abort();
    }
    const task = await ended.catch((error: unknown): Task | undefined => {
      if (ending.kind === "stopped") throw error;
      return undefined;
    });
    await logs.drained();
    return reportOf({ ending, task, definition, stop, evidence });
  } finally {
    life.abort();
  }
}

/** Wait for the first of all that can end a task. Nothing that comes later changes it. */
async function firstEnding(execution: Execution<Config>, ended: Promise<Task>): Promise<Ending | "host-lost"> {
  const { signal, config } = execution;
  const first = Promise.withResolvers<Ending | "host-lost">();
  const stopped = async (): Promise<void> => {
    // A host that goes away aborts both signals, one right after the other; one that asks to stop does not.
    await Promise.resolve();
    first.resolve(
      execution.config.on_host_loss === "keep" && isHostLost(execution)
        ? "host-lost"
        : { kind: "cancelled", request: stopRequestOf(signal) },
    );
  };
  const listener = (): void => void stopped();
  const limitMs = shortest(config.timeout, (config.maxAttempts ?? 0) * limits.dkronPollMs);
  const timer =
    limitMs > 0
      ? setTimeout(() => first.resolve({ kind: "timed-out", limitMs }), Math.min(limitMs, 2 ** 31 - 1))
      : undefined;
  ended.then(() => first.resolve({ kind: "stopped" }), first.reject);
  signal.addEventListener("abort", listener);
  if (signal.aborted) listener();
  try {
    return await first.promise;
  } finally {
    signal.removeEventListener("abort", listener);
    clearTimeout(timer);
  }
}

/** Of limits of which zero means none. */
function shortest(...limitsMs: readonly number[]): number {
  const set = limitsMs.filter((limitMs) => limitMs > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}

function leftRunning({ execution, evidence }: EcsRun): Report {
  return {
    outcome: "CANCELLED",
    message: `left running: ${stopRequestOf(execution.signal).reason}`,
    hint: "the same execution id finds the task again",
    code: "CANCELLED",
    evidence,
  };
}

async function deregister({ execution, clients }: EcsRun, taskDefinition: string): Promise<void> {
  const { ecs, commands } = clients;
  const asked = new commands.DeregisterTaskDefinitionCommand({ taskDefinition });
  try {
    await call("DeregisterTaskDefinition", unhurried(), (options) => ecs.send(asked, options));
  } catch (error) {
    execution.warn(`the task definition ${taskDefinition} is left: ${messageOf(error)}`);
  }
}
