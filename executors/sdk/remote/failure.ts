import { isHostError } from "@executor-host/proto/shared/error";
import type { JsonObject } from "../config/json.ts";
import type { Report } from "../definition/report.ts";
import { StopRequest } from "../definition/stop-request.ts";

/** What a code says of every failure that carries it. */
export interface FailureKind {
  /** Default FAILED. */
  readonly outcome?: "TIMED_OUT";
  /** Unset means unknown. */
  readonly retryability?: Report["retryability"];
}

export interface FailureOptions {
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Overrides what the code says. */
  readonly retryability?: Report["retryability"];
  /** Earliest sensible time of a retry, in milliseconds from now, when the target asked for one. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Why the work at a remote system is not a success. Thrown inside an executor, and reported as its result; the message holds no secret.
 */
export class RemoteFailure extends Error {
  override readonly name = "RemoteFailure";
  readonly code: string;
  readonly outcome: "FAILED" | "TIMED_OUT";
  readonly hint: string | undefined;
  readonly retryability: Report["retryability"];
  readonly retryAfterMs: number | undefined;

  constructor(code: string, kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.outcome = kind.outcome ?? "FAILED";
    this.hint = options.hint;
    this.retryability = options.retryability ?? kind.retryability;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Makes the failures of one executor; the codes are its own table. */
export type FailureMaker<C extends string> = (code: C, message: string, options?: FailureOptions) => RemoteFailure;

export function failuresOf<C extends string>(codes: Readonly<Record<C, FailureKind>>): FailureMaker<C> {
  return (code, message, options) => new RemoteFailure(code, codes[code], message, options);
}

/** What is known of the work when it did not succeed. */
export interface Unfinished {
  readonly effect: Report["effect"];
  readonly evidence?: JsonObject | undefined;
  /** What a stop has interrupted: `while connecting`. */
  readonly phase: string;
  /** What follows from an effect that is not known, for people. */
  readonly unknownEffect: string;
  /** Doing all of it again does no harm, whatever has been done; default false. */
  readonly isRepeatable?: boolean;
}

/**
 * The report of work at a remote system that threw.
 *
 * @throws the error itself when it is neither a failure nor the consequence of a stop
 */
export function reportOfThrown(error: unknown, signal: AbortSignal, unfinished: Unfinished): Report {
  const { effect, evidence, phase, unknownEffect } = unfinished;
  if (error instanceof RemoteFailure) {
    const { code, message, outcome, retryAfterMs } = error;
    const hint = error.hint ?? (effect === undefined ? unknownEffect : undefined);
    // Hosts take RETRYABLE as leave to do it again. Who asks for another attempt gives that leave.
    const isSafe = effect === "NONE" || unfinished.isRepeatable === true || retryAfterMs !== undefined;
    const retryability = error.retryability === "RETRYABLE" && !isSafe ? undefined : error.retryability;
    return { outcome, code, message, hint, retryability, retryAfterMs, effect, evidence };
  }
  // A rejected config is one also when a stop came at the same time.
  if (!signal.aborted || isHostError(error)) throw error;
  const { reason } = signal;
  return {
    outcome: "CANCELLED",
    code: "CANCELLED",
    message: `stopped ${phase}: ${reason instanceof StopRequest ? reason.reason : "no reason given"}`,
    hint: effect === undefined ? unknownEffect : undefined,
    effect,
    evidence,
    stop: { steps: [{ action: "abort", time: new Date(), detail: phase }], survivors: [] },
  };
}
