import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, fchownSync } from "node:fs";
import type { Duplex } from "node:stream";
import { StartFailure } from "../failure.ts";
import { closeAll, type Fifo } from "../output/fifo-pool.ts";
import { launcherFd, type Launch } from "./launcher.ts";
import { readProcess, type ProcessInfo } from "./proc.ts";

/** How a process ended: with an exit code, or by a signal. */
export type Exit =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals };

export interface SpawnOptions {
  readonly launch: Launch;
  /** What the program sees as its own name; default: its file. */
  readonly argv0?: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** Supplementary groups are dropped as well. */
  readonly owner?: { readonly userId: number; readonly groupId: number } | undefined;
  readonly stdout: Fifo;
  readonly stderr: Fifo;
  /** Open for reading; by default standard input is empty. */
  readonly stdinFd?: number | undefined;
  /** The launch is a launcher, and talks on file descriptor 3. */
  readonly launcher: boolean;
}

/** The main process of a job, and this executor's ends of its outputs. */
export class JobProcess {
  readonly pid: number;
  readonly info: ProcessInfo;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** The line to the launcher, if there is one. */
  readonly launcher: Duplex | undefined;
  #exit: Exit | undefined;

  /**
   * Start a process in a session and a process group of its own.
   *
   * The FIFOs given belong to this function from now on, whether it succeeds or not.
   *
   * @throws {StartFailure}
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
      throw spawnFailure(error as NodeJS.ErrnoException, options);
    }
    closeSync(stdout.writeFd);
    closeSync(stderr.writeFd);
    return new JobProcess(child, options);
  }

  private constructor(child: ChildProcess, { stdout, stderr }: SpawnOptions) {
    const { pid } = child;
    // Node has not waited for it yet, so it can be read even if it has ended already.
    const info = pid === undefined ? undefined : readProcess(pid);
    if (pid === undefined) throw new TypeError("a process that has started has a pid");
    this.pid = pid;
    this.info = info ?? { pid, parentPid: process.pid, groupId: pid, sessionId: pid, ...unknownProcess };
    this.stdoutFd = stdout.readFd;
    this.stderrFd = stderr.readFd;
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

/** What the errors of fork and exec mean here. */
function spawnFailure(error: NodeJS.ErrnoException, { launch, cwd, owner }: SpawnOptions): StartFailure {
  const { file } = launch;
  switch (error.code) {
    case "ENOENT":
      return new StartFailure(
        "COMMAND_NOT_FOUND",
        `cannot start ${file}: it, or the interpreter its first line names, is not there`,
        {
          cause: error,
        },
      );
    case "EACCES":
      return new StartFailure("NOT_EXECUTABLE", `cannot start ${file}: permission denied`, {
        hint: `check the permissions of the file${cwd === undefined ? "" : `, of ${cwd}`} and of the directories above`,
        cause: error,
      });
    case "E2BIG":
      return new StartFailure("ARGUMENTS_TOO_LONG", `cannot start ${file}: arguments and environment are too long`, {
        hint: "pass large data through payload or stdin_file",
        cause: error,
      });
    case "EPERM":
      return new StartFailure(
        "USER_CHANGE_REFUSED",
        `cannot start ${file} as user ${owner?.userId ?? "?"}: not permitted`,
        {
          hint: "the executor must run as root to start jobs as other users",
          cause: error,
        },
      );
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return new StartFailure(
        "NO_RESOURCES",
        `cannot start ${file}: the system is out of processes, memory or file descriptors`,
        {
          hint: `${error.code}: try again later, or raise the limits of the executor`,
          cause: error,
        },
      );
    default:
      return new StartFailure("NOT_EXECUTABLE", `cannot start ${file}: ${error.message}`, { cause: error });
  }
}
