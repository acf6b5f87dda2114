import { constants } from "node:os";
import type { JsonObject, Report, StopReport, StopRequest, Usage } from "@executor-host/sdk";
import { includesCode } from "../command/exit-codes.ts";
import type { ShellConfig } from "../config.ts";
import { formatBytes, formatDuration } from "./quantities.ts";
import type { StartFailure } from "../failure.ts";
import type { MemoryLimitOwner } from "../limits/job-cgroup.ts";
import type { Exit } from "../spawner/job-spawner.ts";

/** What ended a job: its own end, or the first of the reasons to stop it. */
export type Ending =
  | { readonly kind: "exited" }
  | { readonly kind: "not-launched"; readonly failure: StartFailure }
  | { readonly kind: "cancelled"; readonly request: StopRequest }
  | { readonly kind: "timed-out" }
  | { readonly kind: "out-of-memory"; readonly limitOf: MemoryLimitOwner };

export interface JobResult {
  readonly ending: Exclude<Ending, { kind: "not-launched" }>;
  /** The job's own program ran. */
  readonly hasBegun: boolean;
  /** Undefined: the main process could not be killed. */
  readonly exit: Exit | undefined;
  readonly config: ShellConfig;
  readonly protocol: "native" | "dkron";
  readonly usage: Usage | undefined;
  readonly stop: StopReport | undefined;
  readonly evidence: JsonObject;
  readonly warnings: readonly string[];
}

/** Turn what happened to a job into its report. */
export function reportOf(result: JobResult): Report {
  const { usage, exit, warnings } = result;
  const verdict = verdictOn(result);
  return {
    ...verdict,
    ...(result.protocol === "dkron" && verdict.outcome !== "SUCCEEDED" && dkronMessage(verdict, exit, warnings)),
    exitCode: exit?.code,
    signal: exit?.signal,
    usage,
    stop: result.stop,
    evidence: { ...result.evidence, ...verdict.evidence },
    ...(!result.hasBegun && { effect: "NONE" }),
  };
}

/** Codes of a job that was started and did not succeed. */
export const verdictCodes = ["EXIT_STATUS", "KILLED_BY_SIGNAL", "TIMEOUT", "MEMORY_LIMIT", "CANCELLED"] as const;

interface Verdict extends Pick<
  Report,
  "outcome" | "message" | "hint" | "retryability" | "effect" | "warnings" | "evidence"
> {
  readonly code?: (typeof verdictCodes)[number];
}

function verdictOn({ ending, exit, config, usage, warnings }: JobResult): Verdict {
  const how = exit === undefined ? "the main process did not end" : (waitMessage(exit) ?? "exit status 0");
  switch (ending.kind) {
    case "cancelled":
      return {
        outcome: "CANCELLED",
        message: `stopped: ${ending.request.reason} (${how})`,
        code: "CANCELLED",
        warnings,
      };
    case "timed-out":
      return {
        outcome: "TIMED_OUT",
        message: `timed out after ${formatDuration(config.timeout ?? 0)} (${how})`,
        hint: "raise timeout if the job needs longer",
        code: "TIMEOUT",
        warnings,
      };
    case "out-of-memory":
      return {
        outcome: "OUT_OF_MEMORY",
        message: memoryMessage(ending.limitOf, config, usage, how),
        hint: memoryHints[ending.limitOf],
        code: "MEMORY_LIMIT",
        warnings,
      };
    case "exited":
      return { ...verdictOnExit(exit, config), warnings };
  }
}

const memoryHints: Readonly<Record<MemoryLimitOwner, string>> = {
  job: "raise mem_limit if the job needs more",
  others:
    "what the executor may have with all its jobs, or what the machine has, was used up: raise it, or run fewer jobs at once",
};

function memoryMessage(
  limitOf: MemoryLimitOwner,
  { mem_limit }: ShellConfig,
  usage: Usage | undefined,
  how: string,
): string {
  const peak = usage?.peakMemoryBytes === undefined ? "" : `, peak ${formatBytes(usage.peakMemoryBytes)}`;
  const limit =
    limitOf === "job" && mem_limit !== undefined ? formatBytes(mem_limit) : "of the executor or the machine";
  return `out of memory: limit ${limit}${peak} (${how})`;
}

function verdictOnExit(exit: Exit | undefined, config: ShellConfig): Verdict {
  if (exit?.signal !== undefined) {
    return { outcome: "FAILED", message: waitMessage(exit), hint: signalHints[exit.signal], code: "KILLED_BY_SIGNAL" };
  }
  const code = exit?.code ?? 0;
  if (includesCode(config.success_codes, code)) return { outcome: "SUCCEEDED", effect: "HAPPENED" };
  if (includesCode(config.skip_codes, code)) return { outcome: "SUCCEEDED", evidence: { skipped: true } };
  return {
    outcome: "FAILED",
    message: `exit status ${code}`,
    hint: exitHints[code],
    code: "EXIT_STATUS",
    retryability: retryabilityOf(code, config),
  };
}

function retryabilityOf(code: number, { retry_codes, permanent_codes }: ShellConfig): Report["retryability"] {
  if (includesCode(retry_codes, code)) return "RETRYABLE";
  if (includesCode(permanent_codes, code) || notRunnable.includes(code)) return "PERMANENT";
  return undefined;
}

/** Exit codes of a shell that found nothing it could run. */
const notRunnable: readonly number[] = [126, 127];

const killHint =
  "not by this executor; if nobody did it by hand, the executor or the machine is out of memory: give the job a mem_limit to be sure";

/** What shells mean by their own exit codes. */
const exitHints: Readonly<Record<number, string>> = {
  126: "a shell says so when it may not execute a file",
  127: "a shell says so when it cannot find a command; check the job's PATH",
  137: `a shell says so of a program that was ended by SIGKILL, ${killHint}`,
};

const signalHints: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGKILL: killHint,
  SIGXCPU: "the job used up cpu_time_limit",
  SIGXFSZ: "the job wrote a file larger than file_size_limit",
};

/**
 * Under Dkron's contract the message is what Dkron's own executor would have said, and what we know beyond that goes to the output, as
 * Dkron's sentences about limits do. It must not be empty: that would mean success.
 */
function dkronMessage(
  { message = "", hint }: Verdict,
  exit: Exit | undefined,
  warnings: readonly string[],
): Partial<Report> {
  const theirs = exit === undefined ? undefined : waitMessage(exit);
  if (theirs === undefined) return {};
  const more = [theirs === message ? undefined : message, hint].filter((text) => text !== undefined);
  return { message: theirs, hint: undefined, warnings: [...warnings, ...more] };
}

/**
 * How a process ended, in the words of Go's os.ProcessState, which Dkron passes on: `exit status 3`, `signal: killed`.
 *
 * @returns undefined for exit code 0
 */
export function waitMessage(exit: Exit): string | undefined {
  if (exit.signal === undefined) return exit.code === 0 ? undefined : `exit status ${exit.code}`;
  return `signal: ${signalWords[exit.signal] ?? `signal ${constants.signals[exit.signal]}`}`;
}

/** Go's names of signals on Linux. */
const signalWords: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
  SIGSTKFLT: "stack fault",
  SIGXCPU: "CPU time limit exceeded",
  SIGXFSZ: "file size limit exceeded",
  SIGVTALRM: "virtual timer expired",
  SIGPROF: "profiling timer expired",
  SIGIO: "I/O possible",
  SIGPWR: "power failure",
  SIGSYS: "bad system call",
};
