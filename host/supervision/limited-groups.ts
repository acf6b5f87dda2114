import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { readCount, removeGroup } from "./cgroup-files.ts";
import {
  cgroupHint,
  findPlace,
  prepareUnifiedPlace,
  type CgroupPlace,
  type Controller,
  type NoPlace,
} from "./cgroup-places.ts";
import type { UnifiedGroup } from "./unified-group.ts";

/** Limits for a process with everything it starts. */
export interface GroupLimits {
  readonly memoryBytes?: number | undefined;
  /** CPUs' worth of time. */
  readonly cpus?: number | undefined;
  readonly pids?: number | undefined;
}

/** The groups that limit one process: its own of version 2, one for each controller of version 1, or both. */
export interface LimitedGroups {
  /** Those of version 1. */
  readonly directories: readonly string[];
  /** Files of those of version 1 to write a pid into, to have it in. */
  readonly joins: readonly string[];
  /** The limit on memory that the kernel has killed one of its processes for. */
  exceededMemoryBytes(): number | undefined;
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
function neededControllers({ memoryBytes, cpus, pids }: GroupLimits): readonly Controller[] {
  return [
    ...(memoryBytes === undefined ? [] : (["memory"] as const)),
    ...(cpus === undefined ? [] : (["cpu"] as const)),
    ...(pids === undefined ? [] : (["pids"] as const)),
  ];
}

/**
 * Set the limits, and make the groups of version 1 for it.
 *
 * @param name path of a group of version 1 below its place
 * @param unified the process's group of version 2, if it has one
 * @throws {HostError} `EXECUTOR_UNUSABLE` when a controller has no place
 * @throws the error of the file system; whoever gave the name removes what was made
 */
export async function makeLimitedGroups(
  name: string,
  limits: GroupLimits,
  unified: UnifiedGroup | undefined,
): Promise<LimitedGroups> {
  const directories: string[] = [];
  let counter = "";
  for (const controller of neededControllers(limits)) {
    const place = await findPlace(controller);
    if ("problem" in place) throw new HostError("EXECUTOR_UNUSABLE", place.problem, { hint: place.hint });
    let directory: string;
    if (place.version === 1) {
      directory = join(place.directory, name);
      await mkdir(directory, { recursive: true });
      directories.push(directory);
    } else {
      if (unified?.place !== place.directory) {
        const message = `its ${controller} limit is to be held in ${place.directory}, and its processes are in ${unified?.place ?? "no cgroup v2"}`;
        throw new HostError("EXECUTOR_UNUSABLE", message, { hint: cgroupHint });
      }
      directory = unified.directory;
      await prepareUnifiedPlace(place.directory, controller);
      await unified.enable(controller);
    }
    for (const { file, value, isOptional = false } of limitFiles(controller, place, limits)) {
      const written = writeFile(join(directory, file), value);
      await (isOptional ? written.catch(() => undefined) : written);
    }
    if (controller === "memory") {
      // Of version 2 a job's own limit counts in the groups above as well; the executor's processes have theirs to themselves.
      counter =
        unified !== undefined && place.version === 2
          ? join(unified.leaf, "memory.events")
          : join(directory, "memory.oom_control");
    }
  }
  return {
    directories,
    joins: directories.map((directory) => join(directory, "cgroup.procs")),
    exceededMemoryBytes: () => (counter !== "" && readCount(counter, "oom_kill") > 0 ? limits.memoryBytes : undefined),
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
