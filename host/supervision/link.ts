import type { HostError } from "@executor-host/proto/shared/error";
import type { EventFrame } from "@executor-host/proto/shared/frame";
import type { ExecutorDescription, JsonObject, ProbeReport, Violation } from "../model/model.ts";

/** One attempt, as an executor gets it. */
export interface AttemptRequest {
  readonly executionId: string;
  readonly attempt: number;
  readonly jobName: string;
  readonly config: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly deadlineMs?: number | undefined;
  readonly heartbeatTimeoutMs?: number | undefined;
  /** What an earlier attempt told with its heartbeats. */
  readonly heartbeatDetails?: JsonObject | undefined;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** There is nothing to begin, and perhaps something to stop that another process of the executor has left. */
  readonly recall?: { readonly reason: string; readonly graceMs: number } | undefined;
}

/** How the call of an attempt ended: the executor's stream was complete, or the call failed. */
export type CallEnd = { readonly ok: true } | { readonly ok: false; readonly error: HostError };

/** An attempt under way. */
export interface RunningCall {
  /** Stop reading events; the executor then stops reading its job's output. */
  pause(): void;
  resume(): void;
  /** Drop the call: the executor must stop at once. */
  abort(): void;
  /** Never rejects. No event comes after it. */
  readonly ended: Promise<CallEnd>;
}

/** The executor's answer to a cancel. */
export type CancelDisposition = "STOPPING" | "FINISHED" | "UNKNOWN";

/** What an executor process offers, whatever contract it speaks. */
export interface ExecutorLink {
  readonly protocolVersion: number;
  readonly description: ExecutorDescription;
  /** Events come in order, in the same turn in which they arrive. */
  execute(request: AttemptRequest, onEvent: (frame: EventFrame) => void): RunningCall;
  /** Ask for a stop, or how a stop asked for before is going. @throws {HostError} when the executor does not answer */
  cancel(executionId: string, options: { reason: string; graceMs: number }): Promise<CancelDisposition>;
  /**
   * Tell of another deadline, or of none any more.
   *
   * @returns whether it keeps to that; false when it cannot be told @throws {HostError} when it does not answer
   */
  setDeadline(executionId: string, attempt: number, deadlineMs: number | undefined): Promise<boolean>;
  validate(config: Readonly<Record<string, string>>): Promise<readonly Violation[]>;
  probe(
    config: Readonly<Record<string, string>>,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<ProbeReport>;
}
