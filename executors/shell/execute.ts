import type { Execution, Report } from "@executor-host/sdk";
import type { ShellConfig } from "./config.ts";
import { HeartbeatFile } from "./environment/heartbeat-file.ts";
import { StartFailure } from "./failure.ts";
import { stopRequestIn } from "./job/ending.ts";
import { limitWarnings, makeCgroup } from "./job/cgroup.ts";
import { followJob } from "./job/follow.ts";
import { runOnCancel } from "./job/on-cancel.ts";
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
