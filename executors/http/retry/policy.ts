import type { Config } from "../config.ts";
import { isIdempotent } from "../exchange.ts";
import type { RequestFailure } from "../failure.ts";

/** What counts for the decision to try again. */
export interface AttemptState {
  /** Starts at 1. */
  readonly attempt: number;
  readonly failure: RequestFailure;
  /** Status of the response that failed, if there was one. */
  readonly status: number | undefined;
  /** Something may have reached the target. */
  readonly sent: boolean;
  /** Part of a body is out, and a second one behind it would make no sense; or the server has accepted the work. */
  readonly committed: boolean;
}

export type RetrySettings = Pick<
  Config,
  "method" | "idempotency_key" | "retry_attempts" | "retry_backoff" | "retry_max_backoff" | "retry_statuses"
>;

/**
 * Is there to be another attempt?
 *
 * @param random from 0 to 1
 * @returns how long to wait for it, in milliseconds; undefined means no
 */
export function retryDelay(settings: RetrySettings, state: AttemptState, random = Math.random()): number | undefined {
  const { attempt, failure, status } = state;
  if (attempt >= settings.retry_attempts || state.committed) return undefined;
  const worthIt =
    failure.code === "STATUS_UNEXPECTED"
      ? settings.retry_statuses.includes(status ?? 0)
      : failure.retryability === "RETRYABLE";
  if (!worthIt) return undefined;
  if (state.sent && !mayRepeat(settings)) return undefined;
  const backoff = Math.min(settings.retry_backoff * 2 ** (attempt - 1), settings.retry_max_backoff);
  const asked = failure.retryAfterMs ?? 0;
  if (asked > settings.retry_max_backoff) return undefined;
  // Half of the wait is left to chance, so that jobs that failed together do not come back together.
  return Math.max(asked, backoff * (0.5 + random / 2));
}

/** May the target get the request twice? */
export function mayRepeat({ method, idempotency_key: hasKey }: Pick<Config, "method" | "idempotency_key">): boolean {
  return isIdempotent(method) || hasKey;
}
