/**
 * The host's own words for what `host.v1` and `executor.v1` carry. Generated types stay in `convert.ts` and at the wire.
 */
import type { Violation } from "@executor-host/proto/shared/error";

export type { Violation };

export type JsonObject = { [key: string]: unknown };

export type Channel = "stdout" | "stderr";

export type State = "QUEUED" | "STARTING" | "RUNNING" | "CANCELLING" | "FINISHED";

export type Outcome =
  | "SUCCEEDED"
  | "FAILED"
  | "TIMED_OUT"
  | "CANCELLED"
  | "OUT_OF_MEMORY"
  | "REJECTED"
  | "NOT_STARTED"
  | "EXECUTOR_CRASHED"
  | "LOST";

export type Retryability = "UNKNOWN" | "RETRYABLE" | "PERMANENT";

export type Effect = "UNKNOWN" | "NONE" | "HAPPENED";

/** Limits of one execution, in milliseconds. Undefined means unlimited. */
export interface Limits {
  readonly queueTimeoutMs?: number | undefined;
  readonly startTimeoutMs?: number | undefined;
  readonly attemptTimeoutMs?: number | undefined;
  readonly totalTimeoutMs?: number | undefined;
  readonly noOutputTimeoutMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly graceMs?: number | undefined;
  readonly maxOutputBytes?: number | undefined;
}

export interface RetryPolicy {
  /** All attempts together, at least 1. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  /** The job may run twice without harm. */
  readonly idempotent: boolean;
}

/** What becomes of an execution when as many of its concurrency key are there as may be. */
export type WhenBusy = "QUEUE" | "SKIP" | "REPLACE";

/** Where an execution stands among others. */
export interface Queueing {
  /** The higher one goes first; -100 to 100. */
  readonly priority: number;
  /** Keys take turns. Empty: the job's name. */
  readonly fairnessKey: string;
  /** Executions with the same key share a limit; empty means none. */
  readonly concurrencyKey: string;
  readonly maxConcurrent: number;
  readonly whenBusy: WhenBusy;
}

export interface ExecutionSpec {
  readonly id: string;
  readonly executor: string;
  readonly config: Readonly<Record<string, string>>;
  readonly jobName: string;
  readonly limits: Limits;
  readonly retry: RetryPolicy;
  readonly labels: Readonly<Record<string, string>>;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly queueing: Queueing;
}

export interface StopStep {
  readonly action: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly detail: string;
}

export interface Survivor {
  readonly pid: number;
  readonly command: string;
}

export interface StopReport {
  readonly steps: readonly StopStep[];
  readonly survivors: readonly Survivor[];
}

export interface Usage {
  readonly cpuTimeMs?: number | undefined;
  readonly peakMemoryBytes?: number | undefined;
  /** Bytes that reached storage. */
  readonly readBytes?: number | undefined;
  readonly writtenBytes?: number | undefined;
  /** At the moment; not in results. */
  readonly memoryBytes?: number | undefined;
  readonly processes?: number | undefined;
  readonly source: string;
}

/** How an execution, or one attempt of it, ended. */
export interface Result {
  readonly outcome: Outcome;
  readonly message: string;
  readonly hint: string;
  readonly code: string;
  readonly exitCode?: number | undefined;
  readonly signal: string;
  readonly retryability: Retryability;
  readonly retryAfterMs?: number | undefined;
  readonly effect: Effect;
  readonly evidence?: JsonObject | undefined;
  readonly usage?: Usage | undefined;
  readonly violations: readonly Violation[];
  readonly stop?: StopReport | undefined;
  readonly warnings: readonly string[];
}

export interface Attempt {
  /** Starts at 1. */
  readonly number: number;
  readonly startingMs: number;
  readonly runningMs?: number | undefined;
  readonly finishedMs?: number | undefined;
  readonly result?: Result | undefined;
  readonly executorPid: number;
  readonly executorVersion: string;
  /** It goes on with the work of the one before, whose executor or host was lost. */
  readonly resumes?: boolean;
  /** The newest that was told while it ran. */
  readonly usage?: Usage | undefined;
  /** When the work itself last gave a sign by a heartbeat; milliseconds since the epoch. */
  readonly heartbeatMs?: number | undefined;
  /** The newest details that came with one: from where another attempt may go on. */
  readonly heartbeatDetails?: JsonObject | undefined;
}

export interface OutputSummary {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly droppedBytes: number;
}

/** An execution as it stands. Secrets in its spec are masked. */
export interface Execution {
  readonly spec: ExecutionSpec;
  readonly state: State;
  readonly stateReason: string;
  readonly acceptedMs: number;
  readonly finishedMs?: number | undefined;
  readonly attempts: readonly Attempt[];
  readonly result?: Result | undefined;
  readonly lastSequence: number;
  readonly output: OutputSummary;
  /** In force: those of the spec, the host's defaults, and what was changed since. */
  readonly limits: Limits;
  /** Its executor finds the work of an attempt again. */
  readonly resumable?: boolean;
}

export interface Capabilities {
  readonly cancel: boolean;
  readonly attach: boolean;
  readonly probe: boolean;
  readonly idempotent: boolean;
  /** 0 means no limit. */
  readonly maxConcurrentExecutions: number;
  /** The work itself gives signs of life. */
  readonly heartbeat: boolean;
  /** Nothing ends the work at the deadline it was started with. */
  readonly setDeadline: boolean;
}

export interface ExecutorDescription {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  /** JSON Schema as text; empty for executors of Dkron's contract. */
  readonly configSchema: string;
  readonly capabilities: Capabilities;
}

export type ExecutorState = "IDLE" | "STARTING" | "READY" | "FAILED";

export interface ExecutorProcessInfo {
  readonly pid: number;
  readonly startedMs: number;
  readonly activeExecutions: number;
  readonly finishedExecutions: number;
  /** How long it took to answer the last health call, or has not answered one so far; undefined before the first. */
  readonly lagMs?: number | undefined;
}

export interface ExecutorInfo {
  readonly name: string;
  readonly path: string;
  readonly state: ExecutorState;
  readonly reason: string;
  readonly description?: ExecutorDescription | undefined;
  readonly protocolVersion: number;
  readonly processes: readonly ExecutorProcessInfo[];
  readonly crashes: number;
  readonly lastCrash: string;
  /** What its file's sha256 sum must be; empty when anything will do. */
  readonly pinnedSha256: string;
  readonly isolation: readonly IsolationLevel[];
}

/** One way in which an executor's processes are kept apart from the rest of the machine. */
export interface IsolationLevel {
  /** As in the settings. */
  readonly name: string;
  /** What is asked for, as in the settings. */
  readonly value: string;
  /** By what it is reached, for people; empty when it is not. */
  readonly means: string;
  /** Why not, and what would help. */
  readonly problem: string;
  readonly hint: string;
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

export interface ProbeReport {
  readonly ok: boolean;
  readonly message: string;
  readonly code: string;
  readonly details?: JsonObject | undefined;
}

/** A result with everything unsaid left at its neutral value. */
export function makeResult(outcome: Outcome, parts: Partial<Omit<Result, "outcome">> = {}): Result {
  return {
    outcome,
    message: "",
    hint: "",
    code: "",
    signal: "",
    retryability: "UNKNOWN",
    effect: "UNKNOWN",
    violations: [],
    warnings: [],
    ...parts,
  };
}
