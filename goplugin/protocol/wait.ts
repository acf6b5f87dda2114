import { setTimeout as sleep } from "node:timers/promises";

/** What {@link within} throws when time is up. */
export class WaitTimeout extends Error {
  override readonly name = "WaitTimeout";
}

/**
 * A promise with a limit. The promise itself goes on; only the waiting ends.
 *
 * @throws {WaitTimeout} after `timeoutMs`
 * @throws `signal.reason` when aborted
 */
export async function within<T>(
  promise: PromiseLike<T>,
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<T> {
  options.signal?.throwIfAborted();
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new WaitTimeout()), options.timeoutMs);
  const onAbort = (): void => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

/** Wait for a promise, but no longer than `timeoutMs`. @returns false when time was up */
export async function settledWithin(promise: PromiseLike<unknown>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      promise.then(
        () => true,
        () => true,
      ),
      sleep(timeoutMs, false, { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
  }
}
