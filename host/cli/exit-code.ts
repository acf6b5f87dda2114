import type { ErrorCode } from "@executor-host/proto/shared/error";
import type { Outcome, Result } from "../model/model.ts";
import { exitCodeOfSignal } from "./interrupts.ts";

/** Exit codes that are not the job's own. Source: sysexits(3), timeout(1) and shells. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  /** Wrong use, or refused by the host. */
  usage: 64,
  /** The host is not there. */
  unreachable: 69,
  /** An executor crashed; a mistake in this software. */
  software: 70,
  /** The host died and the run could not be found again. */
  lost: 71,
  /** The output could not be written. */
  outputFailed: 74,
  /** Nothing was done; trying again later is safe. */
  tryAgain: 75,
  /** Invalid settings. */
  settings: 78,
  timedOut: 124,
  cancelled: 130,
  outOfMemory: 137,
  /** Nobody reads the output, as if ended by SIGPIPE. */
  outputClosed: 141,
} as const;

const byOutcome: Readonly<Record<Exclude<Outcome, "FAILED">, number>> = {
  SUCCEEDED: exitCodes.ok,
  TIMED_OUT: exitCodes.timedOut,
  CANCELLED: exitCodes.cancelled,
  OUT_OF_MEMORY: exitCodes.outOfMemory,
  REJECTED: exitCodes.usage,
  NOT_STARTED: exitCodes.tryAgain,
  EXECUTOR_CRASHED: exitCodes.software,
  LOST: exitCodes.lost,
};

/** The exit code that tells how an execution ended: the job's own if it failed with one. */
export function exitCodeOfResult(result: Result): number {
  if (result.outcome !== "FAILED") return byOutcome[result.outcome];
  const { exitCode, signal } = result;
  if (exitCode !== undefined && exitCode >= 1 && exitCode <= 255) return exitCode;
  return signal === "" ? exitCodes.failed : exitCodeOfSignal(signal);
}

const byErrorCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  SPEC_INVALID: exitCodes.usage,
  CONFIG_INVALID: exitCodes.usage,
  REQUEST_TOO_LARGE: exitCodes.usage,
  EXECUTOR_NOT_FOUND: exitCodes.usage,
  EXECUTION_NOT_FOUND: exitCodes.usage,
  EXECUTION_ID_CONFLICT: exitCodes.usage,
  NOT_SUPPORTED: exitCodes.usage,
  QUEUE_FULL: exitCodes.tryAgain,
  HOST_DRAINING: exitCodes.tryAgain,
  EXECUTOR_UNUSABLE: exitCodes.tryAgain,
  JOURNAL_FAILED: exitCodes.tryAgain,
  STATE_LOCKED: exitCodes.tryAgain,
  LISTEN_FAILED: exitCodes.tryAgain,
  HOST_UNREACHABLE: exitCodes.unreachable,
  SETTINGS_INVALID: exitCodes.settings,
  LISTEN_REFUSED: exitCodes.settings,
  INTERNAL: exitCodes.software,
};

/** The exit code of a command that failed with this error. */
export function exitCodeOfError(code: ErrorCode): number {
  return byErrorCode[code] ?? exitCodes.failed;
}
