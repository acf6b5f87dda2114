import { constants } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "../defaults.ts";
import { sendSignal } from "../process/proc.ts";
import { pidsIn, readNumber, removeCgroup } from "./cgroup-files.ts";
import type { CgroupPlace, CgroupPlaces } from "./cgroup-places.ts";
import type { Controller } from "./hierarchies.ts";

/** Limits for a job with everything it starts. */
export interface CgroupLimits {
  readonly memoryBytes?: number | undefined;
  readonly processes?: number | undefined;
  /** CPUs' worth of time, such as 0.5. */
  readonly cpus?: number | undefined;
}

/** Whose memory was used up: what the job may have, or what it shares with others. */
export type MemoryLimitOwner = "job" | "others";

/** Length of the window in which a CPU limit counts; the kernel's own default. */
const cpuPeriodUs = 100_000;
/** Used whether there is a limit or not, for what they count. */
const counting = ["memory", "cpuacct"] as const;
/** So near to its limit at most is a cgroup of version 1 whose limit was reached: more than the kernel asks for at once before it kills. */
const chargedAtOnceBytes = 1024 ** 2;
/** The kernel takes no less. */
const minCpuQuotaUs = 1_000;

/**
 * The cgroup of one job: one directory in each hierarchy that is needed, all of the same name.
 *
 * Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
export class JobCgroup {
  readonly name: string;
  /** The version that enforces a limit, for each limit that is enforced. */
  readonly enforced: Readonly<Partial<Record<Controller, 1 | 2>>>;
  readonly #directories = new Map<string, CgroupPlace>();
  readonly #byController: Partial<Record<Controller, string>> = {};
  readonly #versions: Partial<Record<Controller, 1 | 2>> = {};
  readonly #tracking: { readonly version: 1 | 2; readonly directory: string };

  private constructor(places: CgroupPlaces, name: string, wanted: readonly Controller[], tracking: CgroupPlace) {
    this.name = name;
    const enforced: Partial<Record<Controller, 1 | 2>> = {};
    for (const controller of [...wanted, ...counting]) {
      const place = places.byController[controller];
      if (place === undefined) continue;
      this.#byController[controller] = this.#add(place);
      this.#versions[controller] = place.version;
      if (wanted.includes(controller)) enforced[controller] = place.version;
    }
    this.#tracking = { version: tracking.version, directory: this.#add(tracking) };
    this.enforced = enforced;
  }

  /**
   * Make the cgroup and set its limits. Limits without a place are left out; see `enforced`.
   *
   * @returns undefined when there is no place for cgroups at all
   * @throws the error of the file system; nothing is left then
   */
  static async create(places: CgroupPlaces, name: string, wanted: CgroupLimits): Promise<JobCgroup | undefined> {
    if (places.tracking === undefined) return undefined;
    const { memoryBytes, processes, cpus } = wanted;
    const needed = [
      ...(memoryBytes === undefined ? [] : (["memory"] as const)),
      ...(processes === undefined ? [] : (["pids"] as const)),
      ...(cpus === undefined ? [] : (["cpu"] as const)),
    ];
    const cgroup = new JobCgroup(places, name, needed, places.tracking);
    try {
      for (const directory of cgroup.#directories.keys()) await mkdir(directory);
      await cgroup.#assertOpen();
      for (const [file, value, optional] of cgroup.#settings(wanted)) {
        const written = writeFile(file, value);
        await (optional ? written.catch(ignoreMissing) : written);
      }
      return cgroup;
    } catch (error) {
      await cgroup.remove();
      throw error;
    }
  }

  /** Its directories, one in each hierarchy, with the version of that. */
  get directories(): readonly { readonly version: 1 | 2; readonly directory: string }[] {
    return [...this.#directories].map(([directory, { version }]) => ({ version, directory }));
  }

  /** Put a process into it; what the process starts from now on is in it as well. */
  async join(pid: number): Promise<void> {
    for (const directory of this.#directories.keys()) await writeFile(join(directory, "cgroup.procs"), String(pid));
  }

  pids(): number[] {
    return pidsIn(this.#tracking.directory);
  }

  /** Kill everything in it, as far as the kernel offers that at once. @returns the name of what was done */
  async kill(): Promise<string> {
    const { version, directory } = this.#tracking;
    if (version === 2) {
      // Before Linux 5.14 there is no such file, and no making one. Its owner may write to it, and only root may read.
      const done = await writeFile(join(directory, "cgroup.kill"), "1", { flag: constants.O_WRONLY }).then(
        () => true,
        () => false,
      );
      if (done) return "cgroup.kill";
    }
    for (const pid of this.pids()) sendSignal(pid, "SIGKILL");
    return "SIGKILL";
  }

  /** How often the kernel has killed a process of this job for memory. */
  memoryKills(): number {
    const directory = this.#byController.memory;
    if (directory === undefined) return 0;
    const file = this.#versions.memory === 2 ? "memory.events" : "memory.oom_control";
    return readNumber(directory, file, "oom_kill") ?? 0;
  }

  /** Was it a limit above its own that the kernel has killed for: of the executor with all its jobs, or what the machine has? */
  isMemoryLimitAbove(): boolean {
    const directory = this.#byController.memory;
    if (directory === undefined) return false;
    if (this.#versions.memory === 2) return readNumber(directory, "memory.events", "oom") === 0;
    // Not every kernel counts how often each of the two limits of version 1 was reached.
    const limit = readNumber(directory, "memory.limit_in_bytes") ?? 0;
    return (this.#peakMemoryBytes() ?? limit) + chargedAtOnceBytes < limit;
  }

  /** How often a process of this job was refused a child. */
  processRefusals(): number {
    const directory = this.#byController.pids;
    return directory === undefined ? 0 : (readNumber(directory, "pids.events", "max") ?? 0);
  }

  usage(): { cpuTimeMs: number | undefined; peakMemoryBytes: number | undefined } {
    return { cpuTimeMs: this.#cpuTimeMs(), peakMemoryBytes: this.#peakMemoryBytes() };
  }

  /** In use now. */
  memoryBytes(): number | undefined {
    const directory = this.#byController.memory;
    if (directory === undefined) return undefined;
    return readNumber(directory, this.#versions.memory === 2 ? "memory.current" : "memory.usage_in_bytes");
  }

  /** @returns false when it is still not empty after `limits.cgroupRemoveMs` */
  async remove(): Promise<boolean> {
    const endMs = performance.now() + limits.cgroupRemoveMs;
    for (let waitMs: number = limits.pollMs; ; waitMs = Math.min(2 * waitMs, limits.maxPollMs)) {
      if (await this.tryRemove()) return true;
      if (performance.now() > endMs) return false;
      await delay(waitMs);
    }
  }

  /** @returns false when a process is still in it */
  async tryRemove(): Promise<boolean> {
    const gone = await Promise.all([...this.#directories.keys()].map(removeCgroup));
    return gone.every(Boolean);
  }

  /** Where somebody has let threads be told apart, cgroups can be made that take no process. */
  async #assertOpen(): Promise<void> {
    for (const directory of this.#directories.keys()) {
      const type = await readFile(join(directory, "cgroup.type"), "utf8").catch(() => "");
      if (type.startsWith("domain invalid")) throw new Error(`${directory} takes no processes`);
    }
  }

  #add(place: CgroupPlace): string {
    const directory = join(place.directory, this.name);
    this.#directories.set(directory, place);
    return directory;
  }

  /** Files and what to write into them, in order. Optional: works without, a little less strictly. */
  *#settings({
    memoryBytes,
    processes,
    cpus,
  }: CgroupLimits): Generator<[file: string, value: string, optional?: boolean]> {
    const { memory, pids, cpu } = this.#byController;
    if (memory !== undefined && memoryBytes !== undefined) {
      const bytes = String(memoryBytes);
      if (this.#versions.memory === 2) {
        yield [join(memory, "memory.max"), bytes];
        yield [join(memory, "memory.swap.max"), "0", true];
        // The job ends as a whole, not with some process missing.
        yield [join(memory, "memory.oom.group"), "1", true];
      } else {
        yield [join(memory, "memory.limit_in_bytes"), bytes];
        yield [join(memory, "memory.memsw.limit_in_bytes"), bytes, true];
      }
    }
    if (pids !== undefined && processes !== undefined) yield [join(pids, "pids.max"), String(processes)];
    if (cpu !== undefined && cpus !== undefined) {
      const quotaUs = Math.max(minCpuQuotaUs, Math.round(cpus * cpuPeriodUs));
      if (this.#versions.cpu === 2) yield [join(cpu, "cpu.max"), `${quotaUs} ${cpuPeriodUs}`];
      else {
        yield [join(cpu, "cpu.cfs_period_us"), String(cpuPeriodUs)];
        yield [join(cpu, "cpu.cfs_quota_us"), String(quotaUs)];
      }
    }
  }

  #cpuTimeMs(): number | undefined {
    const { version, directory } = this.#tracking;
    if (version === 2) {
      const us = readNumber(directory, "cpu.stat", "usage_usec");
      return us === undefined ? undefined : us / 1e3;
    }
    const counter = this.#byController.cpuacct;
    const ns = counter === undefined ? undefined : readNumber(counter, "cpuacct.usage");
    return ns === undefined ? undefined : ns / 1e6;
  }

  #peakMemoryBytes(): number | undefined {
    const directory = this.#byController.memory;
    if (directory === undefined) return undefined;
    return readNumber(directory, this.#versions.memory === 2 ? "memory.peak" : "memory.max_usage_in_bytes");
  }
}

/** A kernel without this setting. */
function ignoreMissing(): void {}
