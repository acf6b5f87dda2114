import type { ProbeContext, ProbeReport } from "@executor-host/sdk";
import { closeSync } from "node:fs";
import { findProgram } from "./command/find-program.ts";
import type { ShellConfig } from "./config.ts";
import { defaults } from "./defaults.ts";
import { StartFailure } from "./failure.ts";
import { limitWarnings, makeCgroup } from "./job/cgroup.ts";
import { prepareJob, type JobRequest } from "./job/prepare.ts";
import type { ShellRuntime } from "./runtime.ts";
import type { JobSpawner, JobSpec } from "./spawner/job-spawner.ts";

/** A job that is never run. */
const nobody: Omit<JobRequest, "config"> = {
  id: "probe",
  attempt: 1,
  jobName: "",
  deadline: undefined,
  heartbeatTimeoutMs: undefined,
  heartbeatDetails: undefined,
  traceContext: {},
};

/**
 * Could this job be started here? Everything is made ready as for a run; but then `true` runs in place of the job's program: as its user, in
 * its directory, within its limits and as isolated.
 */
export async function probe(
  { config, signal }: ProbeContext<ShellConfig>,
  runtime: ShellRuntime,
): Promise<ProbeReport> {
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(await runtime.descriptors.take(signal));
  signal.throwIfAborted();
  const spawner = await runtime.spawner();
  const { supervisor } = spawner;
  try {
    const { spec } = cleanup.use(await prepareJob({ ...nobody, config }, runtime, spawner));
    const cgroup = await makeCgroup(config, runtime);
    if (cgroup !== undefined) cleanup.defer(() => runtime.removeCgroup(cgroup, { patient: true }));
    const file = findProgram("true", defaults.path, "/");
    // Opening a FIFO would wait for its writer.
    const failure = await tryOut(spawner, { ...spec, file, args: [], argv0: "true", stdinFile: undefined, cgroup });
    if (failure !== undefined) throw failure;
    const limits = cgroup?.enforced ?? {};
    return {
      ok: true,
      message: `${spec.file} can be started`,
      details: { program: spec.file, supervisor, limits: { ...limits }, warnings: limitWarnings(config, cgroup) },
    };
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: { supervisor, ...(hint !== undefined && { hint }) } };
  }
}

async function tryOut(spawner: JobSpawner, spec: JobSpec): Promise<StartFailure | undefined> {
  const job = await spawner.spawn(spec);
  try {
    const failure = await job.launched;
    if (failure === undefined) await job.exited;
    return failure;
  } finally {
    job.release();
    closeSync(job.stdoutFd);
    closeSync(job.stderrFd);
  }
}
