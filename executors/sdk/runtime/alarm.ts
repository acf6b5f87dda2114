/** Longer timers fire at once. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * Call a function at a point in time, however far away.
 *
 * @param atMs milliseconds since the epoch; Infinity: never
 * @returns disposing of it takes the call back
 */
export function alarm(atMs: number, ring: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const leftMs = atMs - Date.now();
    timer = leftMs > longestTimerMs ? setTimeout(wait, longestTimerMs) : setTimeout(ring, Math.max(leftMs, 0));
  };
  if (atMs !== Infinity) wait();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
