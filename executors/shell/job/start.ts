import type { Execution } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { openPayload } from "../environment/payload.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import { OutputRelay } from "../output/relay.ts";
import type { ShellRuntime } from "../runtime.ts";
import type { JobSpawner, RunningJob } from "../spawner/job-spawner.ts";
import type { PreparedJob } from "./prepare.ts";

/** A job that has been started, with what carries its output. */
export interface StartedJob {
  readonly job: RunningJob;
  readonly relays: readonly OutputRelay[];
}

/**
 * Start the main process, and connect its output.
 *
 * @throws {StartFailure} nothing of it is left then
 */
export async function startJob(
  { config, stdout, stderr }: Execution<ShellConfig>,
  { readMemory }: ShellRuntime,
  spawner: JobSpawner,
  { spec }: PreparedJob,
  cgroup: JobCgroup | undefined,
): Promise<StartedJob> {
  await using cleanup = new AsyncDisposableStack();
  const stdin = config.payload === undefined ? undefined : cleanup.use(await openPayload(config.payload, spec.owner));
  const job = await spawner.spawn({ ...spec, stdinFd: stdin?.fd, cgroup });
  const payload = cleanup.move();
  void job.launched.then(() => payload.disposeAsync());
  return {
    job,
    relays: [new OutputRelay(job.stdoutFd, stdout, readMemory), new OutputRelay(job.stderrFd, stderr, readMemory)],
  };
}
