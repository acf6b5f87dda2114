import type { Execution, Usage, UsageNow } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import type { Engine, UsageSample } from "../engine/engine.ts";
import { messageOf } from "../failure.ts";
import { pause } from "./pause.ts";

/** What a container uses, looked at now and then. */
export class UsageWatch {
  #usage: Usage | undefined;

  /** What was seen. Undefined: the container was gone before the first look. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** Look until the signal aborts. Never rejects: a look that fails is left out. */
  async watch(execution: Execution<Config>, engine: Engine, id: string, signal: AbortSignal): Promise<void> {
    const { usage_interval } = execution.config;
    if (usage_interval === 0) return;
    try {
      await pause(Math.min(limits.firstUsageMs, usage_interval), signal);
      for (;;) {
        const sample = await engine.usage(id, signal).catch(() => undefined);
        if (sample?.memory_stats !== undefined) execution.usage(this.#add(sample));
        await pause(usage_interval, signal);
      }
    } catch (error) {
      if (!signal.aborted) execution.log.warn("cannot see what the container uses", { error: messageOf(error) });
    }
  }

  /** A container that has just ended is seen without memory: what it had before still counts. */
  #add(sample: UsageSample): UsageNow {
    const memoryBytes = memoryOf(sample);
    this.#usage = {
      cpuTimeMs: largest(Math.round((sample.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e6), this.#usage?.cpuTimeMs),
      peakMemoryBytes: largest(memoryBytes, this.#usage?.peakMemoryBytes),
      readBytes: largest(storageBytes(sample, "read"), this.#usage?.readBytes),
      writtenBytes: largest(storageBytes(sample, "write"), this.#usage?.writtenBytes),
      source: "sampled",
    };
    return { ...this.#usage, memoryBytes, processes: sample.pids_stats?.current };
  }
}

/** Cached files can be taken back at any time, and do not count. */
function memoryOf(sample: UsageSample): number {
  const { usage = 0, stats } = sample.memory_stats as Partial<UsageSample["memory_stats"]>;
  const counts = stats as Readonly<Record<string, number>> | undefined;
  return Math.max(0, usage - (counts?.["total_inactive_file"] ?? counts?.["inactive_file"] ?? 0));
}

/** Undefined: the engine does not count. Engines spell the operation in their own way. */
function storageBytes(sample: UsageSample, operation: "read" | "write"): number | undefined {
  const entries = sample.blkio_stats?.io_service_bytes_recursive as
    | readonly { readonly op: string; readonly value: number }[]
    | null
    | undefined;
  return entries?.filter(({ op }) => op.toLowerCase() === operation).reduce((sum, { value }) => sum + value, 0);
}

function largest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}
