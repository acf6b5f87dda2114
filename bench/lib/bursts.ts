import type { BurstOptions, BurstResult } from "./burst.ts";
import { cpuMs } from "./proc.ts";
import type { Subject } from "./rounds.ts";

/** The processes of one subject, for their CPU time. */
export type Pids = Readonly<Record<"client" | "host" | "executor", number | undefined>>;

/** How often: one at a time, and then many at once. */
export interface Bursts {
  readonly single: BurstOptions;
  readonly many: BurstOptions;
}

/** Something short that is done often. Its CPU time is that of the second burst, in microseconds for each. */
export function burstsSubject(
  label: string,
  { single, many }: Bursts,
  run: (options: BurstOptions) => Promise<BurstResult>,
  pids: Pids,
): Subject {
  return {
    label,
    async measure() {
      const one = await run(single);
      const before = { client: cpuOf(pids.client), host: cpuOf(pids.host), executor: cpuOf(pids.executor) };
      const all = await run(many);
      const each = (pid: number | undefined, from: number): number => ((cpuOf(pid) - from) * 1000) / many.count;
      return {
        p50Ms: one.p50Ms,
        p99Ms: one.p99Ms,
        onePerSecond: one.perSecond,
        perSecond: all.perSecond,
        clientUs: each(pids.client, before.client),
        ...(pids.executor !== undefined && { executorUs: each(pids.executor, before.executor) }),
        ...(pids.host !== undefined && { hostUs: each(pids.host, before.host) }),
      };
    },
  };
}

function cpuOf(pid: number | undefined): number {
  return pid === undefined ? 0 : cpuMs(pid);
}
