import { setPriority } from "node:os";
import type { Duplex } from "node:stream";
import type { StartFailure } from "../../failure.ts";
import { JobTree } from "../../process/job-tree.ts";
import { sendSignal, type ProcessInfo } from "../../process/proc.ts";
import type { ProcessTable } from "../../process/process-table.ts";
import type { Exit, JobProcesses, JobSpec, RunningJob } from "../job-spawner.ts";
import { setupFailure, type SetupStep } from "../setup-failure.ts";
import type { JobProcess } from "./job-process.ts";
import { LauncherLink } from "./launcher-link.ts";
import type { LaunchStep } from "./launcher.ts";

export interface NodeJobOptions {
  readonly spec: JobSpec;
  readonly table: ProcessTable;
  readonly main: JobProcess;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly onRelease: () => void;
}

/** A job whose main process is a child of this one. Its other processes are found by what they have in common, at the cost of looking at all. */
export class NodeJob implements RunningJob, JobProcesses {
  readonly stdoutFd: number;
  readonly stderrFd: number;
  readonly launched: Promise<StartFailure | undefined>;
  /** Nobody counts. */
  readonly usage = undefined;
  readonly supervision = undefined;
  readonly #main: JobProcess;
  readonly #spec: JobSpec;
  readonly #tree: JobTree;
  readonly #onRelease: () => void;

  constructor({ spec, table, main, stdoutFd, stderrFd, onRelease }: NodeJobOptions) {
    this.stdoutFd = stdoutFd;
    this.stderrFd = stderrFd;
    this.#main = main;
    this.#spec = spec;
    this.#onRelease = onRelease;
    this.#tree = new JobTree({ table, leader: main.info, tag: spec.tag, alsoPids: () => spec.cgroup?.pids() ?? [] });
    this.launched = main.launcher === undefined ? Promise.resolve(undefined) : launch(main.launcher, main.pid, spec);
  }

  get pid(): number {
    return this.#main.pid;
  }

  get exited(): Promise<Exit> {
    return this.#main.exited;
  }

  get exit(): Exit | undefined {
    return this.#main.exit;
  }

  get processes(): JobProcesses {
    return this;
  }

  /** Who has left the group and given up the output, too, is not counted here: it is left alone. */
  get isEmpty(): boolean {
    return !this.#tree.groupExists() && (this.#spec.cgroup?.pids() ?? []).length === 0;
  }

  members(): Promise<readonly ProcessInfo[]> {
    return this.#tree.members();
  }

  inGroup(member: ProcessInfo): boolean {
    return this.#tree.inGroup(member);
  }

  signalGroup(signal: NodeJS.Signals): boolean {
    // Later its pid, and so the number of its group, may belong to somebody else.
    if (this.exit !== undefined) return false;
    sendSignal(-this.pid, signal);
    // A stopped process takes no signal but this one and SIGKILL.
    if (signal !== "SIGKILL") sendSignal(-this.pid, "SIGCONT");
    return true;
  }

  adopt(isMember: (candidate: ProcessInfo) => boolean): Promise<readonly ProcessInfo[]> {
    return this.#tree.adopt(isMember);
  }

  release(): void {
    this.#onRelease();
  }
}

const setupSteps: Readonly<Record<LaunchStep, SetupStep>> = {
  go: "setup",
  cwd: "cwd",
  stdin_file: "stdin_file",
  limits: "limits",
  isolation: "isolation",
};

/** Put the launcher where it belongs, and wait until it has handed over to the job's program. @returns what went wrong */
async function launch(socket: Duplex, pid: number, spec: JobSpec): Promise<StartFailure | undefined> {
  const { cgroup, nice } = spec;
  const link = new LauncherLink(socket);
  try {
    await cgroup?.join(pid);
    if (nice !== undefined) setPriority(pid, nice);
    if (cgroup !== undefined || nice !== undefined) link.go();
    const problem = await link.problem;
    return problem === undefined ? undefined : setupFailure(setupSteps[problem.step], problem.message, spec);
  } catch (error) {
    return setupFailure("setup", (error as Error).message, spec);
  } finally {
    link.close();
  }
}
