import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const kibibyte = 1024;
const megabyte = 1e6;
const sampleMs = 50;

/** Memory of a process, in MB of 10^6 bytes. */
export interface Memory {
  readonly rssMb: number;
  /** Largest `rssMb` since the process began, or since `resetPeak`. */
  readonly peakMb: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return { rssMb: field(status, "VmRSS"), peakMb: field(status, "VmHWM") };
}

/** What the process shares with no other, in MB. */
export function privateMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return field(rollup, "Private_Clean") + field(rollup, "Private_Dirty");
}

/** Begin `peakMb` afresh. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Wait, and see how far the memory of each process rises meanwhile, in MB. */
export async function growthWithin(durationMs: number, pids: readonly number[]): Promise<readonly number[]> {
  const first = pids.map((pid) => memoryOf(pid).rssMb);
  let most = first;
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) {
    await sleep(sampleMs);
    most = most.map((mb, index) => Math.max(mb, memoryOf(pids[index] ?? 0).rssMb));
  }
  return most.map((mb, index) => mb - (first[index] ?? 0));
}

/** CPU time of all threads of a process so far, without its children, in milliseconds. */
export function cpuMs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return ns / 1e6;
}

/** Bytes that a process has written so far, to whatever. */
export function writtenBytes(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]);
}

/** How many descriptors a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** All processes below `ancestor`, zombies included. */
export function descendantsOf(ancestor: number): readonly { readonly pid: number; readonly name: string }[] {
  const processes = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => statOf(Number(entry)));
  const below = new Set([ancestor]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of processes) {
      if (!below.has(parent) || below.has(pid)) continue;
      below.add(pid);
      grown = true;
    }
  }
  return processes.filter(({ pid }) => pid !== ancestor && below.has(pid));
}

/** Is the process there, and no zombie? */
export function isRunning(pid: number): boolean {
  return statOf(pid).some(({ state }) => state !== "Z" && state !== "X");
}

/** The first process below `ancestor` that runs a program of this name. */
export function findDescendant(ancestor: number, name: string): number | undefined {
  return descendantsOf(ancestor).find((each) => each.name === name)?.pid;
}

/** Share of the machine's CPU time that is in use over a while, 0 to 1. */
export async function busyShare(overMs: number): Promise<number> {
  const before = machineTicks();
  await sleep(overMs);
  const after = machineTicks();
  return (after.busy - before.busy) / Math.max(1, after.all - before.all);
}

function machineTicks(): { busy: number; all: number } {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, all: busy + idle + iowait };
}

function statOf(pid: number): { pid: number; parent: number; name: string; state: string }[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [{ pid, parent: Number(parent), name, state }];
  } catch {
    return []; // It ended in the meantime.
  }
}

function field(text: string, name: string): number {
  const kib = Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? Number.NaN);
  return (kib * kibibyte) / megabyte;
}
