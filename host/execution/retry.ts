import type { Outcome, Result, RetryPolicy } from "../model/model.ts";

/** What a job gets that asks for no retries. */
export const noRetry: RetryPolicy = {
  maxAttempts: 1,
  initialBackoffMs: 1_000,
  maxBackoffMs: 60_000,
  multiplier: 2,
  idempotent: false,
};

/** Outcomes another attempt can change. A cancel and a refused config are final by their nature. */
const repeatable: ReadonlySet<Outcome> = new Set([
  "FAILED",
  "TIMED_OUT",
  "OUT_OF_MEMORY",
  "NOT_STARTED",
  "EXECUTOR_CRASHED",
]);

/** How much of the wait is left to chance, so that jobs that failed together do not come back together. */
const jitter = 0.25;

/**
 * Should there be another attempt, and when?
 *
 * An attempt whose effect is not known to be none is repeated only if the job is declared idempotent or the executor said RETRYABLE.
 *
 * @param attempt number of the attempt that ended, from 1
 * @param random a number from 0 to 1
 * @returns milliseconds to wait, or undefined for no
 */
export function nextAttemptDelay(
  policy: RetryPolicy,
  attempt: number,
  result: Result,
  random: number,
): number | undefined {
  if (attempt >= policy.maxAttempts || !repeatable.has(result.outcome) || result.retryability === "PERMANENT")
    return undefined;
  const safe = result.effect === "NONE" || result.retryability === "RETRYABLE" || policy.idempotent;
  if (!safe) return undefined;
  const backoff = Math.min(policy.maxBackoffMs, policy.initialBackoffMs * policy.multiplier ** (attempt - 1));
  return Math.max(result.retryAfterMs ?? 0, backoff * (1 - jitter * random));
}
