import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/** Which process this is, as its number alone does not say: numbers are given away again. Linux only. */
export interface ProcessIdentity {
  /** When it started, in the kernel's ticks since boot. */
  readonly startTicks: number;
  /** Of the machine's run since its last boot. */
  readonly bootId: string;
}

export interface ProcessStat {
  /** `R`, `S`, `Z` ... */
  readonly state: string;
  readonly groupId: number;
  readonly startTicks: number;
}

/** What the kernel says of a process. Source: proc_pid_stat(5). @returns undefined when there is none, or no /proc */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name stands in parentheses and may itself contain anything. The state follows, which is field 3.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", groupId: Number(fields[2]), startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** Zombies and what is being taken away do not count as alive: they hold nothing, and where process 1 does not reap they stay for ever. */
export function isAlive({ state }: ProcessStat): boolean {
  return state !== "Z" && state !== "X";
}

/** @returns undefined when there is no such process alive, or no /proc */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readProcessStat(pid);
  if (stat === undefined || !isAlive(stat)) return undefined;
  return { startTicks: stat.startTicks, bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim() };
}

/** When a process started, to about 10 ms. Linux counts a hundred ticks a second everywhere, as seen from user space. */
export function startOf({ startTicks }: ProcessIdentity): Date {
  return new Date(Date.now() - (uptime() - startTicks / 100) * 1_000);
}
