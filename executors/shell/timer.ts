/** Node's own timers take at most 2^31 - 1 ms, about 25 days. */
const maxTimerMs = 2 ** 31 - 1;

/** A timer for any length of time. Disposing of it stops it. */
export function startTimer(callback: () => void, totalMs: number): Disposable {
  const endMs = performance.now() + totalMs;
  let timer: NodeJS.Timeout;
  const next = (): void => {
    const leftMs = endMs - performance.now();
    timer = leftMs > maxTimerMs ? setTimeout(next, maxTimerMs) : setTimeout(callback, leftMs);
  };
  next();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Wait until a promise has settled, which it does by resolving, but no longer than this. */
export async function waitAtMost(waitMs: number, promise: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, waitMs);
  await Promise.race([promise, over.promise]);
  clearTimeout(timer);
}
