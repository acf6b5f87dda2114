import { isHostError, messageOf, type HostError, type Violation } from "@executor-host/proto/shared/error";
import type { JsonObject } from "../config/json.ts";
import type { StopRequest } from "./stop-request.ts";

export const reportOutcomes = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "OUT_OF_MEMORY", "REJECTED"] as const;

/** How an execution ended, as far as an executor can tell. */
export type ReportOutcome = (typeof reportOutcomes)[number];

/** What `execute` returns. The meaning of each field is that of `executor.v1.Result`. */
export interface Report {
  readonly outcome: ReportOutcome;
  /** Why it did not succeed, for people: one line, no secrets. Not sent on success. */
  readonly message?: string | undefined;
  /** What to do about it, for people. */
  readonly hint?: string | undefined;
  /** Why it did not succeed, for programs: a stable cause such as `CONNECTION_REFUSED`, in upper-case snake case. Not sent on success. */
  readonly code?: string | undefined;
  readonly exitCode?: number | undefined;
  /** Name of the signal that ended the work, such as `SIGKILL`. */
  readonly signal?: string | undefined;
  /** Would trying again help? Unset means unknown. */
  readonly retryability?: "RETRYABLE" | "PERMANENT" | undefined;
  /** Earliest sensible time of a retry, in milliseconds from now, when the target asked for one. */
  readonly retryAfterMs?: number | undefined;
  /** Did the work change anything outside? Unset means unknown. */
  readonly effect?: "NONE" | "HAPPENED" | undefined;
  /** Proof of what happened; each executor documents its keys. */
  readonly evidence?: JsonObject | undefined;
  /** What the work consumed, with all its child processes. */
  readonly usage?: Usage | undefined;
  /** How the work was stopped, if it had to be. */
  readonly stop?: StopReport | undefined;
  /** For REJECTED: what is wrong with the config. */
  readonly violations?: readonly Violation[] | undefined;
  /** Remarks that do not change the outcome. */
  readonly warnings?: readonly string[] | undefined;
}

export interface Usage {
  readonly cpuTimeMs?: number | undefined;
  readonly peakMemoryBytes?: number | undefined;
  /** Bytes read from storage and written to it; what caches absorbed does not count. */
  readonly readBytes?: number | undefined;
  readonly writtenBytes?: number | undefined;
  /** `cgroup` is exact; `sampled` may miss short peaks. */
  readonly source: "cgroup" | "sampled";
}

/** What the work consumes while it runs: all of it so far, and what it has at the moment. */
export interface UsageNow extends Usage {
  readonly memoryBytes?: number | undefined;
  readonly processes?: number | undefined;
}

export interface StopReport {
  /** The steps taken, in order: `SIGTERM`, `SIGKILL`, `abort` ... */
  readonly steps: readonly { readonly action: string; readonly time: Date; readonly detail?: string | undefined }[];
  /** What was still there afterwards. Empty means verified gone. */
  readonly survivors: readonly { readonly pid: number; readonly command: string }[];
}

/** The report of a config that was refused. */
export function rejection(violations: readonly Violation[]): Report {
  return {
    outcome: "REJECTED",
    message: `invalid config: ${violations.map((violation) => `${violation.field} ${violation.message}`).join("; ")}`,
    hint: violations.find((violation) => violation.hint !== "")?.hint,
    code: "CONFIG_INVALID",
    retryability: "PERMANENT",
    effect: "NONE",
    violations,
  };
}

/**
 * The report of an `execute` that threw.
 *
 * @param stop why the execution was asked to stop, if it was: whatever is thrown afterwards is taken as a consequence of that
 */
export function reportOfError(error: unknown, stop: StopRequest | undefined): Report {
  if (stop !== undefined) {
    const remark = error === stop ? undefined : messageOf(error);
    return {
      outcome: "CANCELLED",
      message: `stopped: ${stop.reason}`,
      code: "CANCELLED",
      ...(remark !== undefined && { warnings: [`while stopping: ${remark}`] }),
    };
  }
  if (!isHostError(error)) return { outcome: "FAILED", message: messageOf(error), code: "INTERNAL" };
  if (error.code === "CONFIG_INVALID" && error.violations.length > 0) return rejection(error.violations);
  return reportOfHostError(error);
}

function reportOfHostError(error: HostError): Report {
  return {
    outcome: "FAILED",
    message: error.message,
    hint: error.hint,
    code: error.code,
    retryability: error.retryable ? "RETRYABLE" : "PERMANENT",
    retryAfterMs: error.retryAfterMs,
    violations: error.violations,
  };
}
