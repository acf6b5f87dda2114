import { setTimeout } from "node:timers/promises";
import { longestTimerMs } from "../runtime/alarm.ts";

/**
 * Wait for a promise that goes on by itself.
 *
 * @throws `signal.reason` as soon as the signal aborts; what becomes of the promise then is nobody's concern
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
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
