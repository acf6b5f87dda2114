import { readdirSync, readFileSync, statSync } from "node:fs";
import { limits } from "../defaults.ts";

/**
 * What the kernel tells about one process, read from /proc.
 *
 * `pid` and `startTicks` together are an identity: a pid is used again, a pid with the same start time is not.
 */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Start time in clock ticks since boot. */
  readonly startTicks: number;
  /** CPU time used by it and by those of its children that it has waited for, in clock ticks. */
  readonly cpuTicks: number;
  /** Dead, and waiting for its parent to notice. */
  readonly zombie: boolean;
  /** A thread of the kernel, which has no memory and no environment of its own. */
  readonly kernelThread: boolean;
}

/** The kernel's USER_HZ, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** PF_KTHREAD of the kernel's include/linux/sched.h. */
const kernelThreadFlag = 0x0020_0000;

export function ticksToMs(ticks: number): number {
  return (ticks * 1_000) / ticksPerSecond;
}

/**
 * Take apart the text of /proc/PID/stat.
 *
 * Source: proc_pid_stat(5). The command name in parentheses may itself hold blanks and parentheses, so fields count from the last one.
 */
export function parseStat(text: string): ProcessInfo | undefined {
  const nameEnd = text.lastIndexOf(")");
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(nameEnd + 2).split(" ");
  if (nameEnd < 0 || Number.isNaN(pid) || fields.length < 20) return undefined;
  // Index 0 is the state, field 3 of the manual page.
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    parentPid: field(4),
    groupId: field(5),
    sessionId: field(6),
    startTicks: field(22),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    zombie: fields[0] === "Z" || fields[0] === "X",
    kernelThread: (field(9) & kernelThreadFlag) !== 0,
  };
}

/** @returns undefined when there is no such process */
export function readProcess(pid: number): ProcessInfo | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** Every process that can be seen. Takes about 0.02 ms per process, so it is for the rare moments when a job has to be found. */
export function listProcesses(): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const entry of entriesOf("/proc")) {
    const info = readProcess(Number(entry));
    if (info !== undefined) found.push(info);
  }
  return found;
}

/**
 * The environment a process was started with, entries separated by NUL.
 *
 * @returns undefined when it may not be read or the process is gone; empty also while the process is just being replaced by exec
 */
export function environmentOf(pid: number): string | undefined {
  return readText(`/proc/${pid}/environ`);
}

/**
 * Everybody below a process, zombies included; cheaper than a look at all processes where the kernel lists children.
 *
 * Who loses his parent during the look may be missing.
 */
export function descendants(pid: number): ProcessInfo[] {
  const all = listsChildren() ? undefined : listProcesses();
  const found: ProcessInfo[] = [];
  const visit = (parentPid: number): void => {
    const children = all?.filter((one) => one.parentPid === parentPid) ?? childrenOf(parentPid);
    found.push(...children);
    for (const child of children) visit(child.pid);
  };
  visit(pid);
  return found;
}

/** A kernel may be built without it. */
function listsChildren(): boolean {
  return readText(`/proc/${process.pid}/task/${process.pid}/children`) !== undefined;
}

/** Each thread of a process has children of its own. */
function childrenOf(pid: number): ProcessInfo[] {
  return entriesOf(`/proc/${pid}/task`)
    .flatMap((thread) => (readText(`/proc/${pid}/task/${thread}/children`) ?? "").split(" "))
    .filter((entry) => entry !== "")
    .flatMap((entry) => readProcess(Number(entry)) ?? []);
}

/** Resident memory in bytes; pages shared with other processes count in full. */
export function residentBytes(pid: number): number {
  return 1024 * kilobytes(readText(`/proc/${pid}/status`), "VmRSS");
}

/** Resident memory in bytes; pages shared by N processes count as 1/N. Undefined when it may not be read. Takes milliseconds. */
export function proportionalBytes(pid: number): number | undefined {
  const text = readText(`/proc/${pid}/smaps_rollup`);
  return text === undefined ? undefined : 1024 * kilobytes(text, "Pss");
}

/**
 * Bytes that a process, and those of its children that it has waited for, have read from storage and written to it.
 *
 * @returns undefined when that may not be known, or the process is gone
 */
export function storageBytes(pid: number): { readonly read: number; readonly written: number } | undefined {
  const text = readText(`/proc/${pid}/io`);
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text ?? "")?.[1] ?? 0);
  return text === undefined ? undefined : { read: field("read_bytes"), written: field("write_bytes") };
}

/** The command line of a process, for people: on one line, cut to a length. */
export function commandLine(pid: number): string {
  const text = readText(`/proc/${pid}/cmdline`) ?? "";
  const shown = text === "" ? (readText(`/proc/${pid}/comm`) ?? "") : text;
  return shown
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, limits.commandLineLength);
}

/** What tells one open file from all others: `DEVICE:INODE`. */
export function fileIdentity({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

/** Does a process have one of these files open? False when that may not be known. */
export function hasOpen(pid: number, files: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const stats = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
      return stats !== undefined && files.has(fileIdentity(stats));
    });
  } catch {
    // Gone, or somebody else's.
    return false;
  }
}

/** Name processes for people: `12 sleep 30, 13 cat`. */
export function describeProcesses(processes: readonly ProcessInfo[]): string {
  const named = processes.slice(0, limits.namedProcesses).map(({ pid }) => `${pid} ${commandLine(pid)}`.trim());
  const more = processes.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * Send a signal to exactly this process: not to another one that has its pid by now.
 *
 * @returns false when it is gone, or may not be signalled
 */
export function signalProcess(target: ProcessInfo, signal: NodeJS.Signals): boolean {
  if (readProcess(target.pid)?.startTicks !== target.startTicks) return false;
  return sendSignal(target.pid, signal);
}

/** As `kill(2)`: a negative number is a process group. The caller knows whose it is. @returns false when nobody got it */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  // To the kernel, 0 and -1 mean many more than one.
  if (Math.abs(pid) <= 1) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    // ESRCH: nobody is there. EPERM: somebody is, but not ours to signal; he is found again as a survivor.
    return false;
  }
}

/** Is anybody in this process group, zombies included? One system call. */
export function groupExists(groupId: number): boolean {
  try {
    return process.kill(-groupId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The numbers among the entries of a directory; none if it is not there, as on a system without /proc. */
function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter((entry) => /^\d+$/.test(entry));
  } catch {
    return [];
  }
}

function kilobytes(text: string | undefined, name: string): number {
  const match = text === undefined ? null : new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
  return Number(match?.[1] ?? 0);
}

/** Any failure reads as "not there": processes come and go while one looks, and some may not be looked at. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
