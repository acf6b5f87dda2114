import type { Execution } from "../definition/execution.ts";
import { alarm } from "../runtime/alarm.ts";

/** A signal that aborts with another, and also when time is up; after it is disposed of, no more. */
export interface LimitedSignal extends Disposable {
  readonly signal: AbortSignal;
  /** When time is up, as things stand, in milliseconds since the epoch; Infinity without a limit. */
  readonly endMs: number;
}

/** The deadline of an execution, which its host may move. */
export type HostDeadline = Pick<Execution<unknown>, "deadline" | "deadlineSignal">;

/**
 * Link a signal with a time limit.
 *
 * @param limitMs zero or less: no limit
 * @param host whose deadline is a second limit, wherever it is moved to
 * @param onTimeout makes the reason of the abort when time is up
 */
export function limited(
  signal: AbortSignal,
  limitMs: number,
  host: HostDeadline | undefined,
  onTimeout: () => Error,
): LimitedSignal {
  const ownEndMs = limitMs > 0 ? Date.now() + limitMs : Infinity;
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  const onTime = (): void => controller.abort(onTimeout());
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const timer = alarm(ownEndMs, onTime);
  const hostSignal = host?.deadlineSignal;
  if (hostSignal?.aborted) onTime();
  else hostSignal?.addEventListener("abort", onTime, { once: true });
  return {
    signal: controller.signal,
    get endMs() {
      return Math.min(ownEndMs, host?.deadline?.getTime() ?? Infinity);
    },
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", onAbort);
      hostSignal?.removeEventListener("abort", onTime);
    },
  };
}

/** `300 ms`, `10 s`. */
export function showMs(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000} s` : `${Math.round(durationMs * 100) / 100} ms`;
}
