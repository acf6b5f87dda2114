import type { Owner } from "../environment/accounts.ts";
import type { StartFailure } from "../failure.ts";
import type { JobCgroup } from "../limits/job-cgroup.ts";
import type { ProcessInfo } from "../process/proc.ts";

/** Everything a spawner needs to know to start a job. */
export interface JobSpec {
  /** Absolute path of the program. */
  readonly file: string;
  /** Without its own name. */
  readonly args: readonly string[];
  /** What the program sees as its own name. */
  readonly argv0: string;
  readonly env: Readonly<Record<string, string>>;
  /** Changed to with the rights of the job's user. */
  readonly cwd: string | undefined;
  /** Undefined: the job runs as this executor does. Supplementary groups are dropped as well. */
  readonly owner: Owner | undefined;
  /** Opened as standard input with the rights of the job's user; without it, and without `stdinFd`, standard input is empty. */
  readonly stdinFile: string | undefined;
  /** Open for reading in this process, until `launched` settles. */
  readonly stdinFd?: number | undefined;
  readonly umask: number | undefined;
  /** From -20 to 19. */
  readonly nice: number | undefined;
  readonly resourceLimits: ResourceLimits;
  readonly noNewPrivileges: boolean;
  readonly isolation: Isolation;
  /** Joined before the program runs. */
  readonly cgroup?: JobCgroup | undefined;
  /** Carried by the job's processes, and by no others, ever. */
  readonly tag: string;
}

/** Sizes in bytes. They count for each process of a job. */
export interface ResourceLimits {
  readonly openFiles?: number | undefined;
  readonly fileSize?: number | undefined;
  readonly coreSize?: number | undefined;
  readonly processes?: number | undefined;
  readonly cpuSeconds?: number | undefined;
}

/** What a job is kept from seeing and changing. */
export interface Isolation {
  /** A pid namespace of its own: when its first process ends, or this executor does, the kernel ends all others in it. */
  readonly pidNamespace: boolean;
  /** A network of its own, with nothing but the loopback interface. */
  readonly noNetwork: boolean;
  /** All files are read-only, but those below these absolute paths. Undefined: as permissions say. */
  readonly writablePaths: readonly string[] | undefined;
}

/** How a process ended: with an exit code, or by a signal. */
export type Exit =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals };

/** How jobs are started and watched; there is one way that needs a program of ours in C, and one that does not. */
export interface JobSpawner extends AsyncDisposable {
  /** As results call it. */
  readonly supervisor: Supervisor;
  /**
   * Start a job in a session and a process group of its own, with pipes as its outputs.
   *
   * @throws {StartFailure} nothing of it is left then
   */
  spawn(spec: JobSpec): Promise<RunningJob>;
  /** Have a directory removed should this executor die without doing so itself. */
  hold(directory: string): void;
  release(directory: string): void;
}

/** `native`: a supervisor process beside each job, which nothing of the job escapes. `none`: its processes are found by looking for them. */
export type Supervisor = "native" | "none";

/** A job from its start until nothing of it is left, or what is left is left alone. */
export interface RunningJob {
  /** Of the main process; undefined until it is known. */
  readonly pid: number | undefined;
  /** Read ends of the outputs, non-blocking; whoever has the job closes them. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
  /** Settles when the job's own program runs, or cannot. Never rejects, but may take long: opening a FIFO waits for its writer. */
  readonly launched: Promise<StartFailure | undefined>;
  /** The end of the main process. Never rejects. */
  readonly exited: Promise<Exit>;
  /** How it ended; undefined while it runs. */
  readonly exit: Exit | undefined;
  readonly processes: JobProcesses;
  /** What all processes have used that have ended. Undefined: nobody has counted. */
  readonly usage: CountedUsage | undefined;
  /** Nothing more is wanted of this job; what of it still runs is left alone. */
  release(): void;
}

/** Counted by the kernel. */
export interface CountedUsage {
  readonly cpuTimeMs: number;
  /** Of the largest process. */
  readonly peakMemoryBytes: number;
  /** From and to storage; what caches absorbed does not count. */
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** All processes of one job. */
export interface JobProcesses {
  /** Nobody is left, for sure. Costs no more than a system call. */
  readonly isEmpty: boolean;
  /** Living members, at a moment after this call. */
  members(): Promise<readonly ProcessInfo[]>;
  /** Is this process in the group that the job started with? */
  inGroup(member: ProcessInfo): boolean;
  /** Send a signal to the job's process group, and wake it up if it is stopped. @returns false: its leader is gone, and nobody got it */
  signalGroup(signal: NodeJS.Signals): boolean;
  /** Find living processes by another trait, and count them, and what they start, as members. */
  adopt(isMember: (candidate: ProcessInfo) => boolean): Promise<readonly ProcessInfo[]>;
  /** Undefined: nobody knows for sure who is there. */
  readonly supervision: Supervision | undefined;
}

/** Of all processes of one job, by one who knows of each. */
export interface Supervision {
  /** Resolves when nobody is left. Never rejects. */
  readonly emptied: Promise<void>;
  /** Kill everybody, until nobody is left. */
  killAll(): void;
}
