import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fchownSync } from "node:fs";
import type { Duplex } from "node:stream";
import type { Owner } from "../../environment/accounts.ts";
import type { Exit } from "../job-spawner.ts";
import { readProcess, type ProcessInfo } from "../../process/proc.ts";
import { closeAll, type Fifo } from "./fifo-pool.ts";
import { launcherFd, type Launch } from "./launcher.ts";

export interface SpawnOptions {
  readonly launch: Launch;
  /** What the program sees as its own name; default: its file. */
  readonly argv0: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** Supplementary groups are dropped as well. */
  readonly owner: Owner | undefined;
  readonly stdout: Fifo;
  readonly stderr: Fifo;
  /** Open for reading; by default standard input is empty. */
  readonly stdinFd: number | undefined;
  /** The launch is a launcher, and talks on file descriptor 3. */
  readonly launcher: boolean;
}

/** The main process of a job, as a child of this process. */
export class JobProcess {
  readonly pid: number;
  readonly info: ProcessInfo;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The line to the launcher, if there is one. */
  readonly launcher: Duplex | undefined;
  #exit: Exit | undefined;

  /**
   * Start a process in a session and a process group of its own.
   *
   * The FIFOs given belong to this function from now on if it fails; if it succeeds, their write ends do.
   *
   * @throws the error of fork or exec
   */
  static async spawn(options: SpawnOptions): Promise<JobProcess> {
    const { launch, owner, stdinFd, stdout, stderr } = options;
    let child: ChildProcess;
    try {
      // The job's user may open /dev/stdout by path only if the FIFO is his.
      if (owner !== undefined)
        for (const { writeFd } of [stdout, stderr]) fchownSync(writeFd, owner.userId, owner.groupId);
      child = spawn(launch.file, launch.args, {
        detached: true,
        cwd: options.cwd,
        env: options.env,
        stdio: [stdinFd ?? "ignore", stdout.writeFd, stderr.writeFd, ...(options.launcher ? ["pipe" as const] : [])],
        ...(options.argv0 !== undefined && { argv0: options.argv0 }),
        ...(owner !== undefined && { uid: owner.userId, gid: owner.groupId }),
      });
      if (child.pid === undefined) await new Promise((_, reject) => child.once("error", reject));
    } catch (error) {
      closeAll([stdout, stderr]);
      throw error;
    }
    closeSync(stdout.writeFd);
    closeSync(stderr.writeFd);
    return new JobProcess(child);
  }

  private constructor(child: ChildProcess) {
    const { pid } = child;
    // Node has not waited for it yet, so it can be read even if it has ended already.
    const info = pid === undefined ? undefined : readProcess(pid);
    if (pid === undefined) throw new TypeError("a process that has started has a pid");
    this.pid = pid;
    this.info = info ?? { pid, parentPid: process.pid, groupId: pid, sessionId: pid, ...unknownProcess };
    this.launcher = (child.stdio[launcherFd] as Duplex | null | undefined) ?? undefined;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#exit = signal === null ? { code: code ?? 0 } : { signal };
        resolve(this.#exit);
      });
    });
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }
}

/** On a system without /proc. */
const unknownProcess = { startTicks: 0, cpuTicks: 0, zombie: false, kernelThread: false };
