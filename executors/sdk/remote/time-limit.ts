import { longestTimerMs } from "./abortable.ts";

/** A signal that also aborts when time is up, until it is disposed. */
export interface LimitedSignal extends Disposable {
  readonly signal: AbortSignal;
  /** When time is up, in milliseconds since the epoch; Infinity without a limit. */
  readonly endMs: number;
}

/**
 * Link a signal with a time limit.
 *
 * @param limitMs zero or less: no limit
 * @param deadline a second limit, as a point in time
 * @param onTimeout makes the reason of the abort when time is up
 */
export function limited(
  signal: AbortSignal,
  limitMs: number,
  deadline: Date | undefined,
  onTimeout: () => Error,
): LimitedSignal {
  const endMs = Math.min(limitMs > 0 ? Date.now() + limitMs : Infinity, deadline?.getTime() ?? Infinity);
  if (endMs === Infinity) return { signal, endMs, [Symbol.dispose]: () => {} };
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(onTimeout()),
    Math.min(Math.max(endMs - Date.now(), 0), longestTimerMs),
  );
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    endMs,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/** `300 ms`, `10 s`. */
export function showMs(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000} s` : `${Math.round(durationMs * 100) / 100} ms`;
}
