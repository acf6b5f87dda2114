import type {
  Capabilities,
  Channel,
  Execution,
  ExecutorProcessInfo,
  ExecutorState,
  IsolationLevel,
  JsonObject,
  Limits,
  Outcome,
  Queueing,
  Result,
  RetryPolicy,
  SkippedFile,
  State,
  Usage,
} from "../model/model.ts";

/** What to run. Only the executor is needed. */
export interface ExecutionRequest {
  /** The idempotency key. Without one the host chooses. */
  readonly id?: string | undefined;
  readonly executor: string;
  readonly config?: Readonly<Record<string, string>> | undefined;
  readonly jobName?: string | undefined;
  readonly limits?: Limits | undefined;
  /** Parts left out get the host's defaults; no policy at all means one attempt. */
  readonly retry?: Partial<RetryPolicy> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly traceContext?: Readonly<Record<string, string>> | undefined;
  /** Whose turn it is when not all can run; parts left out get the host's defaults. */
  readonly queueing?: Partial<Queueing> | undefined;
}

/** One thing that happened to an execution. */
export type Event = EventHead & EventBody;

interface EventHead {
  /** 1, 2, 3 ... over all attempts. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** 0 before the first. */
  readonly attempt: number;
}

export type EventBody =
  | { readonly type: "started"; readonly target: string }
  | { readonly type: "output"; readonly channel: Channel; readonly offset: number; readonly data: Buffer }
  | {
      readonly type: "progress";
      /** 0 to 1. */
      readonly fraction: number | undefined;
      readonly message: string;
      readonly details: JsonObject | undefined;
    }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "state"; readonly state: State; readonly reason: string }
  | {
      readonly type: "attemptFinished";
      readonly result: Result | undefined;
      readonly nextAttemptInMs: number | undefined;
    }
  | {
      readonly type: "outputDropped";
      readonly stdoutBytes: number;
      readonly stderrBytes: number;
      readonly firstSequence: number;
      readonly lastSequence: number;
    }
  /** All that hold from now on. */
  | { readonly type: "limitsChanged"; readonly limits: Limits; readonly reason: string }
  | { readonly type: "result"; readonly result: Result }
  /** From a newer host. */
  | { readonly type: "unknown" };

export interface Executor {
  readonly name: string;
  readonly path: string;
  readonly state: ExecutorState;
  readonly reason: string;
  /** Empty until it has been started once, like the next two. */
  readonly version: string;
  readonly summary: string;
  readonly capabilities: Capabilities | undefined;
  /** 1: Dkron's contract, 2: the native one; 0: not known yet. */
  readonly protocolVersion: number;
  readonly processes: readonly ExecutorProcessInfo[];
  readonly crashes: number;
  readonly lastCrash: string;
  /** What its file's sha256 sum must be; empty when anything will do. */
  readonly pinnedSha256: string;
  readonly isolation: readonly IsolationLevel[];
}

export interface ExecutorList {
  readonly executors: readonly Executor[];
  readonly skippedFiles: readonly SkippedFile[];
}

export interface ExecutorDetails {
  readonly executor: Executor;
  /** JSON Schema as text; empty for executors of Dkron's contract. */
  readonly configSchema: string;
}

export interface Submission {
  readonly execution: Execution;
  /** The id was known already with the same payload; nothing new was started. */
  readonly alreadyKnown: boolean;
}

/** What came of a change of limits. */
export interface LimitsAnswer {
  readonly execution: Execution;
  /** What may still happen by the earlier limits, for people. */
  readonly warnings: readonly string[];
}

/** All that are set must match. */
export interface ListFilter {
  readonly states?: readonly State[] | undefined;
  readonly outcomes?: readonly Outcome[] | undefined;
  readonly executor?: string | undefined;
  readonly jobName?: string | undefined;
  /** All of these, with these values. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** At most this many; default 100, maximum 1000. */
  readonly pageSize?: number | undefined;
  /** `nextPageToken` of the page before. */
  readonly pageToken?: string | undefined;
}

/** Newest first. */
export interface ExecutionPage {
  readonly executions: readonly Execution[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}
