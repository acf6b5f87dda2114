import { quantile } from "./stats.ts";

export interface BurstOptions {
  readonly count: number;
  /** How many are under way at the same time. */
  readonly concurrency: number;
}

export interface BurstResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** Do the same thing `count` times, `concurrency` at once. */
export async function burst(
  { count, concurrency }: BurstOptions,
  doOnce: () => Promise<unknown>,
): Promise<BurstResult> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const startedMs = performance.now();
  const lane = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const onceMs = performance.now();
      await doOnce();
      latenciesMs.push(performance.now() - onceMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const elapsedMs = performance.now() - startedMs;
  return {
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    perSecond: (count / elapsedMs) * 1000,
  };
}
