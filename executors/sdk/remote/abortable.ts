import { setTimeout } from "node:timers/promises";
import { longestTimerMs } from "../runtime/alarm.ts";

/**
 * Wait for a promise that goes on by itself.
 *
 * @throws `signal.reason` as soon as one of the signals aborts; what becomes of the promise then is nobody's concern
 */
export async function abortable<T>(promise: Promise<T>, ...signals: readonly AbortSignal[]): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = ({ target }: { readonly target: unknown }): void => reject((target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) onAbort({ target: signal });
    else signal.addEventListener("abort", onAbort, { once: true });
  }
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Let time pass.
 *
 * @throws `signal.reason` as soon as the signal aborts
 */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(Math.min(durationMs, longestTimerMs), undefined, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
