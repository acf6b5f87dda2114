import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "./stats.ts";

export interface BurstOptions {
  readonly count: number;
  /** How many are under way at the same time. */
  readonly concurrency: number;
  /** Begin one each time so much has passed, or later if the one before takes longer. Default: as fast as it goes. */
  readonly everyMs?: number;
}

export interface BurstResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** Do the same thing `count` times, `concurrency` at once. */
export async function burst(
  { count, concurrency, everyMs = 0 }: BurstOptions,
  doOnce: () => Promise<unknown>,
): Promise<BurstResult> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const startedMs = performance.now();
  const lane = async (): Promise<void> => {
    while (begun < count) {
      const waitMs = startedMs + begun * everyMs - performance.now();
      begun += 1;
      if (everyMs > 0 && waitMs > 0) await sleep(waitMs);
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
