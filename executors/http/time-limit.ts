import { longestTimerMs } from "./abortable.ts";
import { RequestFailure, type FailureCode } from "./failure.ts";

/** Time for something, and what it means when it is over. */
export interface TimeLimit {
  readonly code: FailureCode;
  /** Zero or less: no limit. */
  readonly limitMs: number;
  /** What takes too long: `no response`. */
  readonly what: string;
}

/** A signal that also aborts when time is up, until it is disposed. */
export interface LimitedSignal extends Disposable {
  readonly signal: AbortSignal;
}

/** Link a signal with a time limit; the reason of the latter is a failure with the limit's code. */
export function limited(signal: AbortSignal, { code, limitMs, what }: TimeLimit): LimitedSignal {
  if (!(limitMs > 0)) return { signal, [Symbol.dispose]: () => {} };
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new RequestFailure(code, `${what} within ${showMs(limitMs)}`)),
    Math.min(limitMs, longestTimerMs),
  );
  return { signal: AbortSignal.any([signal, controller.signal]), [Symbol.dispose]: () => clearTimeout(timer) };
}

/** `300 ms`, `10 s`. */
export function showMs(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000} s` : `${Math.round(durationMs * 100) / 100} ms`;
}
