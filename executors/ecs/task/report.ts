import { constants } from "node:os";

import type { Container, Task, TaskDefinition } from "@aws-sdk/client-ecs";
import type { JsonObject, Report, StopReport, StopRequest } from "@executor-host/sdk";

import { failureCodes, type FailureCode } from "../failure.ts";

/** What ended a task: its own end, or the first of the reasons to stop it. */
export type Ending =
  | { readonly kind: "stopped" }
  | { readonly kind: "cancelled"; readonly request: StopRequest }
  | { readonly kind: "timed-out"; readonly limitMs: number };

export interface Ended {
  readonly ending: Ending;
  /** Undefined: nobody has seen it stop. */
  readonly task: Task | undefined;
  readonly definition: TaskDefinition;
  readonly stop: StopReport | undefined;
  readonly evidence: Readonly<Record<string, JsonObject[string]>>;
}

type Verdict = Pick<Report, "outcome" | "message" | "hint" | "code" | "retryability" | "effect">;

/** Turn what happened to a task into the execution's report. */
export function reportOf(ended: Ended): Report {
  const { task, definition, stop, evidence } = ended;
  const main = decisive(task, definition);
  return {
    ...verdictOn(ended, main),
    exitCode: main?.exitCode,
    signal: signalOf(main?.exitCode),
    stop,
    evidence: { ...evidence, ...taskEvidence(task) },
  };
}

function verdictOn({ ending, task, definition }: Ended, main: Container | undefined): Verdict {
  const how = wayOf(task, main);
  if (ending.kind === "cancelled")
    return { outcome: "CANCELLED", message: `stopped: ${ending.request.reason} (${how})`, code: "CANCELLED" };
  if (ending.kind === "timed-out") {
    return {
      outcome: "TIMED_OUT",
      message: `timed out after ${ending.limitMs / 1000}s (${how})`,
      code: "TIMEOUT",
      hint: "raise timeout or maxAttempts if the job needs longer",
    };
  }
  if (task?.stopCode === "TaskFailedToStart") return startFailure(task);
  const failed = (code: FailureCode, message: string, more: Partial<Verdict> = {}): Verdict => ({
    outcome: "FAILED",
    code,
    message,
    retryability: failureCodes[code],
    ...more,
  });
  if (task?.stopCode === "SpotInterruption") return failed("SPOT_INTERRUPTION", `the capacity was taken back: ${how}`);
  if (task?.stopCode === "TerminationNotice") return failed("HOST_TERMINATED", `the machine went away: ${how}`);
  if (isOutOfMemory(main))
    return {
      outcome: "OUT_OF_MEMORY",
      code: "MEMORY_LIMIT",
      message: `out of memory (${how})`,
      hint: "raise the memory of the container",
    };
  if (task?.stopCode === "UserInitiated") return failed("TASK_STOPPED", `somebody stopped the task: ${how}`);
  if (main?.exitCode === 0 && allEnded(task, definition)) return { outcome: "SUCCEEDED", effect: "HAPPENED" };
  if (main?.exitCode === undefined) return failed("NO_EXIT_CODE", `the task ended without an exit code: ${how}`);
  return failed(signalOf(main.exitCode) === undefined ? "EXIT_STATUS" : "KILLED_BY_SIGNAL", how);
}

/** The containers whose result is the task's: those that are essential, as all are that do not say otherwise. */
function essential(task: Task | undefined, { containerDefinitions = [] }: TaskDefinition): readonly Container[] {
  const optional = new Set(containerDefinitions.filter((one) => one.essential === false).map(({ name }) => name));
  const all = task?.containers ?? [];
  const some = all.filter(({ name }) => !optional.has(name));
  return some.length > 0 ? some : all;
}

/** The container that decides: the first bad one; else one without a result; else any. */
function decisive(task: Task | undefined, definition: TaskDefinition): Container | undefined {
  const all = essential(task, definition);
  return (
    all.find(({ exitCode }) => exitCode !== undefined && exitCode !== 0) ??
    all.find(({ exitCode }) => exitCode === undefined) ??
    all[0]
  );
}

function allEnded(task: Task | undefined, definition: TaskDefinition): boolean {
  return essential(task, definition).every(({ exitCode }) => exitCode === 0);
}

function startFailure({ stoppedReason = "", containers = [] }: Task): Verdict {
  const reasons = [stoppedReason, ...containers.map(({ reason }) => reason ?? "")].filter((text) => text !== "");
  const text = [...new Set(reasons)].join("; ");
  const code = /CannotPull|pull.*image|image.*not found/i.test(text)
    ? "IMAGE_UNAVAILABLE"
    : /capacity/i.test(text)
      ? "NO_CAPACITY"
      : "TASK_FAILED_TO_START";
  return {
    outcome: "FAILED",
    code,
    message: `the task did not start: ${text || "no reason given"}`,
    retryability: failureCodes[code],
    effect: "NONE",
  };
}

function wayOf(task: Task | undefined, main: Container | undefined): string {
  if (task === undefined) return "nobody has seen it stop";
  const code = main?.exitCode;
  const signal = signalOf(code);
  const exit =
    code === undefined
      ? undefined
      : `${main?.name} exit status ${code}${signal === undefined ? "" : `, as of ${signal}`}`;
  return (
    [exit, main?.reason, task.stoppedReason].filter((text) => text !== undefined && text !== "").join("; ") ||
    "no reason given"
  );
}

function isOutOfMemory(container: Container | undefined): boolean {
  return /OutOfMemory/i.test(container?.reason ?? "");
}

function signalOf(exitCode: number | undefined): string | undefined {
  if (exitCode === undefined) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}

function taskEvidence(task: Task | undefined): Record<string, JsonObject[string]> {
  if (task === undefined) return {};
  const { stopCode, stoppedReason, containers = [], launchType, capacityProviderName, startedAt, stoppedAt } = task;
  const one = ({ exitCode, reason, lastStatus, imageDigest }: Container): JsonObject => ({
    ...(exitCode !== undefined && { exitCode }),
    ...(reason !== undefined && { reason }),
    ...(lastStatus !== undefined && { status: lastStatus }),
    ...(imageDigest !== undefined && { imageDigest }),
  });
  return {
    ...(stopCode !== undefined && { stopCode }),
    ...(stoppedReason !== undefined && { stoppedReason }),
    ...(launchType !== undefined && { launchType }),
    ...(capacityProviderName !== undefined && { capacityProvider: capacityProviderName }),
    ...(startedAt !== undefined && { startedAt: startedAt.toISOString() }),
    ...(stoppedAt !== undefined && { stoppedAt: stoppedAt.toISOString() }),
    containers: Object.fromEntries(containers.map((container) => [container.name ?? "", one(container)])),
  };
}
