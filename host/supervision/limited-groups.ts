import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { readCount, removeGroup } from "./cgroup-files.ts";
import {
  cgroupHint,
  enable,
  findPlace,
  prepareUnifiedPlace,
  type CgroupPlace,
  type Controller,
  type NoPlace,
} from "./cgroup-places.ts";

/** Limits for a process with everything it starts. */
export interface GroupLimits {
  readonly memoryBytes?: number | undefined;
  /** CPUs' worth of time. */
  readonly cpus?: number | undefined;
  readonly pids?: number | undefined;
}

/** The groups that limit one process: one of version 2, one for each controller of version 1, or both. */
export interface LimitedGroups {
  /** Of version 2, where the process also is found again; undefined if no limit is held there. */
  readonly unified: string | undefined;
  readonly directories: readonly string[];
  /** Files to write a pid into, to have it in. */
  readonly joins: readonly string[];
  /** How often the kernel has killed one of its processes for memory. */
  memoryKills(): number;
}

interface LimitFile {
  readonly file: string;
  readonly value: string;
  /** Works without, a little less strictly. */
  readonly isOptional?: boolean;
}

/** Length of the window in which a CPU limit counts; the kernel's own default. */
const cpuPeriodUs = 100_000;
/** The kernel takes no less. */
const minCpuQuotaUs = 1_000;

/** Such as any group may have, whatever those above it have. */
const leastLimits: GroupLimits = { memoryBytes: 1024 ** 2, cpus: 0.01, pids: 1 };

/** The controllers that limits need. */
export function neededControllers({ memoryBytes, cpus, pids }: GroupLimits): readonly Controller[] {
  return [
    ...(memoryBytes === undefined ? [] : (["memory"] as const)),
    ...(cpus === undefined ? [] : (["cpu"] as const)),
    ...(pids === undefined ? [] : (["pids"] as const)),
  ];
}

/**
 * Make the groups and set the limits.
 *
 * Of version 2, the process has a group below the limited one, beside which it can make further ones for its jobs.
 *
 * @param name path of the group below its place
 * @throws {HostError} `EXECUTOR_UNUSABLE` when a controller has no place
 * @throws the error of the file system; whoever gave the name removes what was made
 */
export async function makeLimitedGroups(name: string, limits: GroupLimits): Promise<LimitedGroups> {
  const directories: string[] = [];
  const joins: string[] = [];
  const unifiedPlaces = new Set<string>();
  let counter = "";
  for (const controller of neededControllers(limits)) {
    const place = await findPlace(controller);
    if ("problem" in place) throw new HostError("EXECUTOR_UNUSABLE", place.problem, { hint: place.hint });
    const directory = join(place.directory, name);
    if (place.version === 2) {
      unifiedPlaces.add(place.directory);
      await prepareUnifiedPlace(place.directory, controller);
      await makeUnified(place.directory, name, controller);
    } else {
      await mkdir(directory, { recursive: true });
      directories.push(directory);
      joins.push(join(directory, "cgroup.procs"));
    }
    for (const { file, value, isOptional = false } of limitFiles(controller, place, limits)) {
      const written = writeFile(join(directory, file), value);
      await (isOptional ? written.catch(() => undefined) : written);
    }
    if (controller === "memory")
      counter = join(directory, place.version === 2 ? "memory.events" : "memory.oom_control");
  }
  const [unifiedPlace, otherPlace] = [...unifiedPlaces];
  if (otherPlace !== undefined) {
    const message = `its limits are held in different cgroups v2: ${unifiedPlace}, ${otherPlace}`;
    throw new HostError("EXECUTOR_UNUSABLE", message, { hint: "delegate all controllers to the host's service" });
  }
  const unified = unifiedPlace === undefined ? undefined : join(unifiedPlace, name);
  if (unified !== undefined) {
    const leaf = join(unified, "executor");
    await mkdir(leaf, { recursive: true });
    joins.push(join(leaf, "cgroup.procs"));
  }
  return {
    unified,
    directories: unified === undefined ? directories : [...directories, unified],
    joins,
    memoryKills: () => (counter === "" ? 0 : readCount(counter, "oom_kill")),
  };
}

/**
 * Find where a limit can be held, and try it there on a group without processes where that is possible without moving anybody.
 *
 * @returns the place, or why there is none
 */
export async function tryLimit(controller: Controller): Promise<CgroupPlace | NoPlace> {
  const place = await findPlace(controller);
  if ("problem" in place || place.version === 2) return place;
  const directory = join(place.directory, `executor-host-trial-${process.pid}-${randomUUID()}`);
  try {
    await mkdir(directory);
    const [first] = limitFiles(controller, place, leastLimits);
    if (first !== undefined) await writeFile(join(directory, first.file), first.value);
    return place;
  } catch (error) {
    return { problem: `no limit can be set in cgroup v1 ${place.directory}: ${messageOf(error)}`, hint: cgroupHint };
  } finally {
    await removeGroup(directory);
  }
}

/** Each group on the way lets the controller work for the next. */
async function makeUnified(place: string, name: string, controller: Controller): Promise<void> {
  let directory = place;
  for (const part of name.split("/")) {
    directory = join(directory, part);
    await mkdir(directory, { recursive: true });
    await enable(directory, controller);
  }
}

/** Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. */
function limitFiles(controller: Controller, { version }: CgroupPlace, limits: GroupLimits): readonly LimitFile[] {
  switch (controller) {
    case "memory": {
      const value = String(limits.memoryBytes);
      return version === 2
        ? [
            { file: "memory.max", value },
            { file: "memory.swap.max", value: "0", isOptional: true },
          ]
        : [
            { file: "memory.limit_in_bytes", value },
            { file: "memory.memsw.limit_in_bytes", value, isOptional: true },
          ];
    }
    case "cpu": {
      const quotaUs = Math.max(minCpuQuotaUs, Math.round((limits.cpus ?? 0) * cpuPeriodUs));
      return version === 2
        ? [{ file: "cpu.max", value: `${quotaUs} ${cpuPeriodUs}` }]
        : [
            { file: "cpu.cfs_period_us", value: String(cpuPeriodUs) },
            { file: "cpu.cfs_quota_us", value: String(quotaUs) },
          ];
    }
    case "pids":
      return [{ file: "pids.max", value: String(limits.pids) }];
  }
}
