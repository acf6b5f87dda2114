import type { JsonObject } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { StartFailure } from "../failure.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import type { ShellRuntime } from "../runtime.ts";

/** @returns undefined when the job needs none, or can do without @throws {StartFailure} `ISOLATION_UNAVAILABLE` */
export async function makeCgroup(config: ShellConfig, runtime: ShellRuntime): Promise<JobCgroup | undefined> {
  const { mem_limit, cpu_limit, pids_limit, isolation } = config;
  if (mem_limit === undefined && cpu_limit === undefined && pids_limit === undefined && isolation !== "cgroup")
    return undefined;
  const cgroup = await runtime.createCgroup({ memoryBytes: mem_limit, cpus: cpu_limit, processes: pids_limit });
  if (cgroup === undefined && isolation === "cgroup") {
    throw new StartFailure("ISOLATION_UNAVAILABLE", "cannot make a cgroup for the job", {
      hint: "run the executor as root, or in a cgroup that is delegated to its user; or set isolation to session",
    });
  }
  return cgroup;
}

/** What holds each limit that the job has, for its result. */
export function limitEvidence(
  { mem_limit, cpu_limit, pids_limit }: ShellConfig,
  cgroup: JobCgroup | undefined,
): JsonObject {
  const heldBy = (controller: "memory" | "cpu" | "pids", otherwise: string): string => {
    const version = cgroup?.enforced[controller];
    return version === undefined ? otherwise : `cgroup v${version}`;
  };
  return {
    ...(mem_limit !== undefined && {
      memoryLimitBytes: mem_limit,
      memoryLimitHeldBy: heldBy("memory", "measuring"),
    }),
    ...(cpu_limit !== undefined && { cpuLimitHeldBy: heldBy("cpu", "nothing") }),
    ...(pids_limit !== undefined && { pidsLimitHeldBy: heldBy("pids", "nothing") }),
  };
}

/** Which limits are held in a weaker way than they should be, or not at all. */
export function limitWarnings(
  { mem_limit, cpu_limit, pids_limit }: ShellConfig,
  cgroup: JobCgroup | undefined,
): string[] {
  const missing = (limit: number | undefined, controller: "memory" | "cpu" | "pids"): boolean =>
    limit !== undefined && cgroup?.enforced[controller] === undefined;
  return [
    missing(mem_limit, "memory") &&
      "mem_limit is held by measuring the job's processes four times a second, as no memory cgroup can be made here",
    missing(cpu_limit, "cpu") && "cpu_limit is not enforced: no cpu cgroup can be made here",
    missing(pids_limit, "pids") && "pids_limit is not enforced: no pids cgroup can be made here",
  ].filter((warning) => warning !== false);
}
