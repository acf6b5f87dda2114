/**
 * Wait for a promise, but not for ever.
 *
 * @returns whether it was fulfilled in time
 * @throws what the promise rejects with, in time
 */
export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), limitMs);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
