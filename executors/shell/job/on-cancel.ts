import type { Execution } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { limits } from "../defaults.ts";
import { StartFailure } from "../failure.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import { drain, OutputRelay } from "../output/relay.ts";
import { stopJob } from "../process/stop.ts";
import { tagVariable } from "../process/tag.ts";
import type { ShellRuntime } from "../runtime.ts";
import type { Exit, JobSpawner, JobSpec } from "../spawner/job-spawner.ts";
import type { PreparedJob } from "./prepare.ts";
import { waitMessage } from "./report.ts";

export interface OnCancelOptions {
  readonly execution: Execution<ShellConfig>;
  readonly runtime: ShellRuntime;
  readonly spawner: JobSpawner;
  readonly prepared: PreparedJob;
  readonly cgroup: JobCgroup | undefined;
  /** The command, for /bin/sh. */
  readonly command: string;
}

/**
 * Run a command beside a job: as its user and in its environment, with `JOB_PID`. What it prints goes to the job's standard error.
 *
 * @param pid of the job's main process
 * @param signal ends it, with all it has started
 * @returns how it went, for people. Never rejects
 */
export async function runOnCancel(
  { execution, runtime, spawner, prepared, cgroup, command }: OnCancelOptions,
  pid: number | undefined,
  signal: AbortSignal,
): Promise<string> {
  const tag = runtime.nextTag();
  const { spec } = prepared;
  const variables = { JOB_PID: String(pid ?? ""), [tagVariable]: tag };
  const helper: JobSpec = {
    ...spec,
    file: "/bin/sh",
    argv0: "sh",
    args: ["-c", command],
    env: { ...spec.env, ...variables },
    stdinFile: undefined,
    // In there the job's pid would be another.
    isolation: { ...spec.isolation, pidNamespace: false },
    cgroup,
    tag,
  };
  try {
    const job = await spawner.spawn(helper);
    const fds = [job.stdoutFd, job.stderrFd];
    const relays = fds.map((fd) => new OutputRelay(fd, execution.stderr, runtime.readMemory));
    try {
      const failed = job.launched.then(async (problem): Promise<Exit | StartFailure> => problem ?? job.exited);
      const ended = await Promise.race([failed, aborted(signal)]);
      if (ended instanceof StartFailure) return ended.message;
      await stopJob(
        { job, members: () => job.processes.members(), supervision: job.processes.supervision, cgroup: undefined },
        { stopSignal: "SIGKILL", graceMs: 0, reason: "over", forceSignal: signal },
      );
      await drain(relays, { quietMs: limits.drainQuietMs, maxMs: limits.drainMaxMs });
      return ended === undefined ? "took too long, and was killed" : (waitMessage(ended) ?? "exit status 0");
    } finally {
      for (const relay of relays) relay.close();
      job.release();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
