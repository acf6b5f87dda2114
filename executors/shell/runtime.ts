import { randomBytes } from "node:crypto";
import { limits } from "./defaults.ts";
import { cgroupName, findCgroupPlaces, type CgroupPlaces } from "./limits/cgroup-places.ts";
import { DescriptorBudget } from "./limits/descriptor-budget.ts";
import { JobCgroup, type CgroupLimits } from "./limits/job-cgroup.ts";
import { readProcess } from "./process/proc.ts";
import { ProcessTable } from "./process/process-table.ts";
import { chooseSpawner, supervisorVariable } from "./spawner/choose-spawner.ts";
import type { JobSpawner, Supervisor } from "./spawner/job-spawner.ts";

export interface ShellRuntimeOptions {
  /** Default: native where it can be, unless the environment says otherwise. */
  readonly supervisor?: Supervisor | undefined;
}

/**
 * What the jobs of one executor process share. Each part is made when the first job needs it.
 */
export class ShellRuntime implements AsyncDisposable {
  readonly descriptors = new DescriptorBudget();
  /** Output of all jobs is read into this; none of it stays here. */
  readonly readMemory = Buffer.allocUnsafeSlow(limits.readBytes);
  /** This executor's environment. Reading the real one is slow. */
  readonly environment: Readonly<Record<string, string | undefined>> = { ...process.env };
  readonly #supervisor: Supervisor | undefined;
  readonly #processes = new ProcessTable();
  /** Random, so that no two executors on a machine, now or later, give out the same tag. */
  readonly #tagPrefix = `${randomBytes(9).toString("hex")}-`;
  /** Cgroups that were not empty when their job ended. */
  readonly #leftCgroups = new Set<JobCgroup>();
  #spawner: Promise<JobSpawner> | undefined;
  #places: Promise<CgroupPlaces> | undefined;
  #jobs = 0;
  #cgroups = 0;

  constructor({ supervisor }: ShellRuntimeOptions = {}) {
    this.#supervisor = supervisor ?? (this.environment[supervisorVariable] === "none" ? "none" : undefined);
  }

  /** What starts this executor's jobs; chosen once. */
  spawner(): Promise<JobSpawner> {
    return (this.#spawner ??= chooseSpawner({
      table: this.#processes,
      tagPrefix: this.#tagPrefix,
      supervisor: this.#supervisor,
    }));
  }

  /** A value that only the processes of one job carry. Ends in a dot, so that no tag is the beginning of another. */
  nextTag(): string {
    this.#jobs += 1;
    return `${this.#tagPrefix}${this.#jobs}.`;
  }

  /** @returns undefined when cgroups cannot be made here, or not this one */
  async createCgroup(wanted: CgroupLimits): Promise<JobCgroup | undefined> {
    this.#places ??= findCgroupPlaces();
    const places = await this.#places;
    const self = readProcess(process.pid);
    if (self === undefined) return undefined;
    this.#cgroups += 1;
    try {
      return await JobCgroup.create(places, cgroupName(self, this.#cgroups), wanted);
    } catch {
      // Refused by the kernel, such as a limit above that of this executor's own cgroup: then the limit is held in another way.
      return undefined;
    }
  }

  /** Remove a job's cgroup, now or, when processes were kept running in it, as soon as they are gone. */
  async removeCgroup(cgroup: JobCgroup, options: { readonly patient: boolean }): Promise<void> {
    for (const left of this.#leftCgroups) if (await left.tryRemove()) this.#leftCgroups.delete(left);
    const gone = options.patient ? await cgroup.remove() : await cgroup.tryRemove();
    if (!gone) this.#leftCgroups.add(cgroup);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#spawner?.catch(() => undefined))?.[Symbol.asyncDispose]();
    for (const cgroup of this.#leftCgroups) await cgroup.tryRemove();
  }
}
