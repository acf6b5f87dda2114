import type { Execution, Usage } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import type { Engine, UsageSample } from "../engine/engine.ts";
import { messageOf } from "../failure.ts";
import { pause } from "./pause.ts";

/** What a container uses, looked at now and then. */
export class UsageWatch {
  #usage: { cpuTimeMs: number; peakMemoryBytes: number } | undefined;

  /** What was seen. Undefined: the container was gone before the first look. */
  get usage(): Usage | undefined {
    if (this.#usage === undefined) return undefined;
    const { cpuTimeMs, peakMemoryBytes } = this.#usage;
    return { cpuTimeMs, peakMemoryBytes, source: "sampled" };
  }

  /** Look until the signal aborts. Never rejects: a look that fails is left out. */
  async watch(execution: Execution<Config>, engine: Engine, id: string, signal: AbortSignal): Promise<void> {
    const { usage_interval } = execution.config;
    if (usage_interval === 0) return;
    try {
      await pause(Math.min(limits.firstUsageMs, usage_interval), signal);
      for (;;) {
        const sample = await engine.usage(id, signal).catch(() => undefined);
        if (sample?.memory_stats !== undefined) execution.progress({ details: this.#add(sample) });
        await pause(usage_interval, signal);
      }
    } catch (error) {
      if (!signal.aborted) execution.log.warn("cannot see what the container uses", { error: messageOf(error) });
    }
  }

  #add(sample: UsageSample): Record<string, number> {
    // Cached files can be taken back at any time, and do not count.
    const { usage = 0, stats } = sample.memory_stats as Partial<UsageSample["memory_stats"]>;
    const cached =
      (stats as Record<string, number> | undefined)?.["total_inactive_file"] ??
      (stats as Record<string, number> | undefined)?.["inactive_file"] ??
      0;
    const memoryBytes = Math.max(0, usage - cached);
    const cpuTimeMs = Math.round((sample.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e6);
    const pids = sample.pids_stats?.current;
    if (memoryBytes > 0 || this.#usage === undefined) {
      this.#usage = {
        cpuTimeMs: Math.max(cpuTimeMs, this.#usage?.cpuTimeMs ?? 0),
        peakMemoryBytes: Math.max(memoryBytes, this.#usage?.peakMemoryBytes ?? 0),
      };
    }
    return { memoryBytes, cpuTimeMs, ...(pids !== undefined && { pids }) };
  }
}
