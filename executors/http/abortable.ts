import { setTimeout } from "node:timers/promises";

/**
 * Wait for a promise that goes on by itself.
 *
 * @throws `signal.reason` as soon as the signal aborts
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
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

/** Longer timers fire at once. */
export const longestTimerMs = 2 ** 31 - 1;
