import type { Execution, JsonObject, Report, StopReport } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { limits } from "../defaults.ts";
import { firstEnding } from "./ending.ts";
import { readNamedOutputs } from "../environment/named-outputs.ts";
import { limitEvidence } from "./cgroup.ts";
import { finishJob } from "./leftovers.ts";
import type { JobCgroup, MemoryLimitOwner } from "../limits/job-cgroup.ts";
import { ResourceWatch } from "../limits/resource-watch.ts";
import { drain } from "../output/relay.ts";
import type { PreparedJob } from "./prepare.ts";
import { stopJob, type FirstStep, type StopOptions } from "../process/stop.ts";
import { reportOf, type JobResult } from "./report.ts";
import type { Supervisor } from "../spawner/job-spawner.ts";
import type { StartedJob } from "./start.ts";

export interface FollowOptions {
  readonly execution: Execution<ShellConfig>;
  readonly prepared: PreparedJob;
  readonly started: StartedJob;
  readonly cgroup: JobCgroup | undefined;
  readonly supervisor: Supervisor;
  /** Run before the job is asked to stop. */
  readonly onCancel: FirstStep["run"] | undefined;
}

/**
 * Stay with a job that has been started until nothing of it is left, and say how it went.
 *
 * @throws {StartFailure} when its program could not be started
 */
export async function followJob(options: FollowOptions): Promise<Report> {
  const { execution, started, cgroup } = options;
  const { config, protocol } = execution;
  const { job, relays } = started;
  const outOfMemory = Promise.withResolvers<MemoryLimitOwner>();
  using watch = new ResourceWatch({
    job,
    cgroup,
    memoryLimitBytes: config.mem_limit,
    onOutOfMemory: outOfMemory.resolve,
    onUsage: execution.usage,
  });
  const warnings: string[] = [];
  let stop: StopReport | undefined;
  let hasBegun = false;
  void job.launched.then((failure) => {
    hasBegun = failure === undefined;
    if (hasBegun) execution.started(`pid ${job.pid}`);
  });
  try {
    const { exited, launched } = job;
    let ending = await firstEnding({ execution, exited, launched, outOfMemory: outOfMemory.promise });
    if (ending.kind === "not-launched") throw ending.failure;
    // It may have happened since the last look.
    const limitOf = ending.kind === "exited" ? watch.killedFor() : undefined;
    if (limitOf !== undefined) ending = { kind: "out-of-memory", limitOf };
    const stopOptions = stopOptionsFor(ending, options);
    if (stopOptions === undefined) {
      const leftovers = await finishJob(execution, started, cgroup);
      warnings.push(...leftovers.warnings);
      stop = leftovers.stop;
    } else {
      stop = await stopEverything(options, stopOptions);
    }
    const refusals = cgroup?.processRefusals() ?? 0;
    if (refusals > 0) warnings.push(`pids_limit was reached: ${refusals} times a process could not be started`);
    const evidence = await evidenceOf(options, warnings);
    return reportOf({
      ending,
      hasBegun,
      exit: job.exit,
      config,
      protocol,
      usage: watch.usage(),
      stop,
      evidence,
      warnings,
    });
  } catch (error) {
    // Whatever went wrong, the job must not go on unwatched.
    await stopEverything(options, {
      stopSignal: "SIGKILL",
      graceMs: 0,
      reason: "failure",
      forceSignal: execution.forceSignal,
    });
    throw error;
  } finally {
    for (const relay of relays) if (!relay.discarding) relay.close();
    job.release();
  }
}

/** Undefined for a job that has ended by itself. */
function stopOptionsFor(
  ending: JobResult["ending"],
  { execution: { config, forceSignal }, onCancel }: FollowOptions,
): StopOptions | undefined {
  const first = onCancel && { action: "on_cancel", maxMs: config.on_cancel_timeout, run: onCancel };
  const common = { stopSignal: config.stop_signal, forceSignal, first };
  switch (ending.kind) {
    case "exited":
      return undefined;
    case "cancelled":
      return { ...common, graceMs: ending.request.graceMs, reason: ending.request.reason };
    case "timed-out":
      return { ...common, graceMs: config.grace, reason: "timeout" };
    case "out-of-memory":
      // It would use the grace to take still more.
      return { ...common, graceMs: 0, reason: "out of memory" };
  }
}

async function stopEverything({ started, cgroup }: FollowOptions, options: StopOptions): Promise<StopReport> {
  const { job, relays } = started;
  const { processes } = job;
  const { supervision } = processes;
  const report = await stopJob({ job, members: () => processes.members(), supervision, cgroup }, options);
  await drain(relays, { quietMs: limits.drainQuietMs, maxMs: limits.drainMaxMs });
  return report;
}

async function evidenceOf(
  { execution, prepared, started, cgroup, supervisor }: FollowOptions,
  warnings: string[],
): Promise<JsonObject> {
  const named =
    prepared.outputFile === undefined ? undefined : await readNamedOutputs(prepared.outputFile, prepared.userId);
  warnings.push(...(named?.warnings ?? []));
  return {
    pid: started.job.pid,
    program: prepared.spec.argv0,
    supervisor,
    ...limitEvidence(execution.config, cgroup),
    ...(named !== undefined && { outputs: named.outputs }),
  };
}
