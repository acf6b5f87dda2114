import type { Execution, Report } from "@executor-host/sdk";
import type { ShellConfig } from "./config.ts";
import { HeartbeatFile } from "./environment/heartbeat-file.ts";
import { StartFailure } from "./failure.ts";
import { stopRequestIn } from "./job/ending.ts";
import { followJob } from "./job/follow.ts";
import { runOnCancel } from "./job/on-cancel.ts";
import type { JobCgroup } from "./limits/job-cgroup.ts";
import { prepareJob, type PreparedJob } from "./job/prepare.ts";
import type { ShellRuntime } from "./runtime.ts";
import { startJob } from "./job/start.ts";

/** Run one job, from its config to its report. What it used is released when this returns. */
export async function execute(execution: Execution<ShellConfig>, runtime: ShellRuntime): Promise<Report> {
  const { config, signal } = execution;
  try {
    if (process.platform === "win32") {
      throw new StartFailure("PLATFORM_UNSUPPORTED", "the shell executor does not run on Windows", {
        hint: "process groups, signals and /proc have no counterpart there",
      });
    }
    await using descriptors = new AsyncDisposableStack();
    descriptors.defer(await runtime.descriptors.take(signal));
    if (signal.aborted) return stoppedBeforeItBegan(execution);
    const spawner = await runtime.spawner();
    await using prepared = await prepareJob(execution, runtime, spawner);
    await using cleanup = new AsyncDisposableStack();
    const cgroup = await makeCgroup(config, runtime);
    if (cgroup !== undefined)
      cleanup.defer(() => runtime.removeCgroup(cgroup, { patient: config.background === "stop" }));
    for (const warning of limitWarnings(config, cgroup)) execution.warn(warning);
    if (signal.aborted) return stoppedBeforeItBegan(execution);
    const started = await startJob(execution, runtime, spawner, prepared, cgroup);
    // The outputs of a job may outlive it, in processes that are kept.
    const taken = descriptors.move();
    void Promise.all(started.relays.map((relay) => relay.ended)).then(() => taken.disposeAsync());
    using heartbeats = watchHeartbeats(execution, prepared);
    const { on_cancel: command } = config;
    const beside = { execution, runtime, spawner, prepared, cgroup };
    const report = await followJob({
      execution,
      prepared,
      started,
      cgroup,
      supervisor: spawner.supervisor,
      onCancel: command ? (stop) => runOnCancel({ ...beside, command }, started.job.pid, stop) : undefined,
    });
    // Where it was when it ended is worth most.
    await heartbeats?.look();
    return report;
  } catch (error) {
    if (error instanceof StartFailure) return error.report();
    throw error;
  }
}

function stoppedBeforeItBegan(execution: Execution<ShellConfig>): Report {
  return {
    outcome: "CANCELLED",
    message: `stopped before it began: ${stopRequestIn(execution).reason}`,
    code: "CANCELLED",
    effect: "NONE",
  };
}

/** Undefined: nobody waits for signs of life. */
function watchHeartbeats(
  execution: Execution<ShellConfig>,
  { heartbeatFile: path, userId }: PreparedJob,
): HeartbeatFile | undefined {
  return path === undefined ? undefined : new HeartbeatFile({ execution, path, userId });
}

/** @throws {StartFailure} `ISOLATION_UNAVAILABLE` */
async function makeCgroup(config: ShellConfig, runtime: ShellRuntime): Promise<JobCgroup | undefined> {
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

/** Which limits are held in a weaker way than they should be, or not at all. */
function limitWarnings({ mem_limit, cpu_limit, pids_limit }: ShellConfig, cgroup: JobCgroup | undefined): string[] {
  const missing = (limit: number | undefined, controller: "memory" | "cpu" | "pids"): boolean =>
    limit !== undefined && cgroup?.enforced[controller] === undefined;
  return [
    missing(mem_limit, "memory") &&
      "mem_limit is held by measuring the job's processes four times a second, as no memory cgroup can be made here",
    missing(cpu_limit, "cpu") && "cpu_limit is not enforced: no cpu cgroup can be made here",
    missing(pids_limit, "pids") && "pids_limit is not enforced: no pids cgroup can be made here",
  ].filter((warning) => warning !== false);
}
