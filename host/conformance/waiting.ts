import { setTimeout as sleep } from "node:timers/promises";
import { timeouts } from "./timeouts.ts";
import { failed, VerdictError } from "./verdict.ts";

/** Wait for a promise, but no longer than `limitMs`. @returns false when time was up */
export async function settlesWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, sleep(limitMs, false, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

/**
 * Wait for what must come.
 *
 * @param what for people: `a result`
 * @throws {VerdictError} failed, when it does not come in time
 */
export async function expectWithin<T>(what: string, promise: Promise<T>, limitMs: number): Promise<T> {
  if (await settlesWithin(promise, limitMs)) return promise;
  throw new VerdictError(failed(`waited ${limitMs} ms in vain for ${what}`));
}

/** Look again and again until it is so. @returns false when time was up */
export async function eventually(look: () => Promise<boolean> | boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (await look()) return true;
    if (performance.now() >= deadline) return false;
    await sleep(timeouts.pollMs);
  }
}
