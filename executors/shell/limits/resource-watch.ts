import type { Usage, UsageNow } from "@executor-host/sdk";
import { limits } from "../defaults.ts";
import type { RunningJob } from "../spawner/job-spawner.ts";
import {
  descendants,
  proportionalBytes,
  readProcess,
  residentBytes,
  storageBytes,
  ticksToMs,
} from "../process/proc.ts";
import type { JobCgroup, MemoryLimitOwner } from "./job-cgroup.ts";

export interface ResourceWatchOptions {
  readonly job: RunningJob;
  readonly cgroup: JobCgroup | undefined;
  readonly memoryLimitBytes: number | undefined;
  /** Called once, when the job has gone over its memory limit, or has been killed for that of others. */
  readonly onOutOfMemory: (limitOf: MemoryLimitOwner) => void;
  /** Called after each look. */
  readonly onUsage: (usage: UsageNow) => void;
}

/**
 * Looks at what a job uses, from time to time: to learn that it is over its memory limit, and for the usage in the result.
 *
 * With a cgroup the kernel does both; then this only asks whether it has had to kill. Without one it measures all processes of the job,
 * often when there is a limit to hold, and else so rarely, and so cheaply, that a short job is not measured at all.
 */
export class ResourceWatch implements Disposable {
  readonly #options: ResourceWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #cpuTicks = 0;
  #peakMemoryBytes = 0;
  #readBytes: number | undefined;
  #writtenBytes: number | undefined;
  #isLooking = false;
  #isOver = false;

  constructor(options: ResourceWatchOptions) {
    this.#options = options;
    const pollMs = options.memoryLimitBytes === undefined ? limits.usagePollMs : limits.memoryPollMs;
    this.#timer = setInterval(() => void this.#look(), pollMs);
  }

  /** The memory limit is held by measuring. */
  get measuresMemory(): boolean {
    return this.#options.memoryLimitBytes !== undefined && this.#options.cgroup?.enforced.memory === undefined;
  }

  /** Undefined when nothing was measured. */
  usage(): Usage | undefined {
    const { cgroup, job } = this.#options;
    const counted = cgroup?.usage();
    // What the kernel has counted of those who have ended knows every moment of each, but not how much they had together.
    const cpuTimeMs =
      counted?.cpuTimeMs ?? job.usage?.cpuTimeMs ?? (this.#cpuTicks > 0 ? ticksToMs(this.#cpuTicks) : undefined);
    const largest = Math.max(this.#peakMemoryBytes, job.usage?.peakMemoryBytes ?? 0);
    const peakMemoryBytes = counted?.peakMemoryBytes ?? (largest > 0 ? largest : undefined);
    if (cpuTimeMs === undefined && peakMemoryBytes === undefined) return undefined;
    const { readBytes = this.#readBytes, writtenBytes = this.#writtenBytes } = job.usage ?? {};
    return {
      cpuTimeMs,
      peakMemoryBytes,
      readBytes,
      writtenBytes,
      source: counted?.peakMemoryBytes === undefined ? "sampled" : "cgroup",
    };
  }

  /** Whose memory the kernel has killed it for, if it has. */
  killedFor(): MemoryLimitOwner | undefined {
    const { cgroup } = this.#options;
    if (cgroup === undefined || cgroup.memoryKills() === 0) return undefined;
    return cgroup.isMemoryLimitAbove() ? "others" : "job";
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { cgroup, memoryLimitBytes = Infinity, onOutOfMemory, onUsage } = this.#options;
    const counted = cgroup?.memoryBytes();
    // Before Linux 5.19 the kernel keeps no peak.
    if (counted !== undefined) this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, counted);
    const pids = await this.#pids();
    const bytes = counted ?? this.#measure(pids);
    this.#measureStorage(pids);
    this.#isLooking = false;
    if (this.#isOver) return;
    const usage = this.usage();
    if (usage !== undefined) onUsage({ ...usage, memoryBytes: bytes, processes: pids.length });
    const limitOf = this.measuresMemory && bytes > memoryLimitBytes ? "job" : this.killedFor();
    if (limitOf === undefined) return;
    this[Symbol.dispose]();
    onOutOfMemory(limitOf);
  }

  async #pids(): Promise<readonly number[]> {
    const { job, cgroup } = this.#options;
    const isCheap = job.processes.supervision !== undefined;
    if (this.measuresMemory || isCheap) return (await job.processes.members()).map(({ pid }) => pid);
    if (cgroup !== undefined) return cgroup.pids();
    return job.pid === undefined ? [] : [job.pid, ...descendants(job.pid).map(({ pid }) => pid)];
  }

  /** What a process had that ended meanwhile is its parent's, so that the sum falls only where nobody waited for it. */
  #measureStorage(pids: readonly number[]): void {
    const seen = pids.flatMap((pid) => storageBytes(pid) ?? []);
    if (seen.length === 0) return;
    this.#readBytes = Math.max(
      this.#readBytes ?? 0,
      sum(seen, ({ read }) => read),
    );
    this.#writtenBytes = Math.max(
      this.#writtenBytes ?? 0,
      sum(seen, ({ written }) => written),
    );
  }

  /** @returns resident memory in bytes; shared pages count once as far as it matters for the limit */
  #measure(pids: readonly number[]): number {
    const { memoryLimitBytes = Infinity } = this.#options;
    let bytes = sum(pids, residentBytes);
    // Adding up counts shared pages several times. To find out how often takes long, so only when it decides something.
    if (bytes > memoryLimitBytes) bytes = sum(pids, (pid) => proportionalBytes(pid) ?? residentBytes(pid));
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, bytes);
    this.#cpuTicks = Math.max(
      this.#cpuTicks,
      sum(pids, (pid) => readProcess(pid)?.cpuTicks ?? 0),
    );
    return bytes;
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
