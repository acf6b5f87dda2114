import type { Execution, StopReport } from "@executor-host/sdk";
import type { ShellConfig } from "../config.ts";
import { limits } from "../defaults.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import { drain } from "../output/relay.ts";
import { describeProcesses, hasOpen, type ProcessInfo } from "../process/proc.ts";
import { stopJob } from "../process/stop.ts";
import type { StartedJob } from "./start.ts";

/** What was found, and done, after the main process had ended. */
export interface Leftovers {
  readonly warnings: readonly string[];
  readonly stop: StopReport | undefined;
}

/**
 * Finish a job whose main process has ended by itself: read the rest of its output, and deal with what it left running.
 *
 * Left over is who is in the job's process group, holds its output, or is in its cgroup. In the usual case there is nobody, and finding
 * that out takes one system call at most.
 */
export async function finishJob(
  execution: Execution<ShellConfig>,
  started: StartedJob,
  cgroup: JobCgroup | undefined,
): Promise<Leftovers> {
  const { config, forceSignal, signal } = execution;
  const { job, relays } = started;
  const released = await drain(relays, { quietMs: limits.drainQuietMs, maxMs: limits.drainMaxMs });
  if (released && job.processes.isEmpty) return { warnings: [], stop: undefined };

  const leftovers = (): Promise<readonly ProcessInfo[]> => findLeftovers(started, cgroup);
  const found = await leftovers();
  if (found.length === 0) {
    if (released) return { warnings: [], stop: undefined };
    return {
      warnings: ["the output was still held open when the job ended, by a process that could not be found"],
      stop: undefined,
    };
  }
  const named = `${count(found)} still running when the main process ended`;
  if (config.background === "keep") {
    const names = describeProcesses(found);
    for (const relay of relays) relay.discard();
    return { warnings: [`${named}, and kept: ${names}`], stop: undefined };
  }
  const warning = `${named}, and stopped: ${describeProcesses(found)}`;
  const stop = await stopJob(
    // One by one, as who is left alone must stay.
    { job, members: leftovers, supervision: undefined, cgroup: undefined },
    {
      stopSignal: config.stop_signal,
      graceMs: config.grace,
      reason: "left over",
      // Who asks a job to stop that has already ended does not want to wait for its remains.
      forceSignal: AbortSignal.any([signal, forceSignal]),
    },
  );
  await drain(relays, { quietMs: limits.drainQuietMs, maxMs: limits.drainMaxMs });
  return { warnings: [warning], stop };
}

async function findLeftovers(
  { job, relays }: StartedJob,
  cgroup: JobCgroup | undefined,
): Promise<readonly ProcessInfo[]> {
  const pipes = new Set(relays.filter((relay) => !relay.hasEnded).map((relay) => relay.pipe));
  const inCgroup = new Set(cgroup?.pids());
  const holdsOutput = ({ pid }: ProcessInfo): boolean => hasOpen(pid, pipes);
  const { processes } = job;
  const members = await processes.members();
  const found = members.filter(
    (member) => processes.inGroup(member) || inCgroup.has(member.pid) || holdsOutput(member),
  );
  // Perhaps somebody who carries no tag: he came by the pipe in some other way.
  return found.length > 0 || pipes.size === 0 ? found : await processes.adopt(holdsOutput);
}

function count(processes: readonly ProcessInfo[]): string {
  return processes.length === 1 ? "1 process was" : `${processes.length} processes were`;
}
