import { readdirSync, readFileSync } from "node:fs";
import { tagVariable } from "../supervision/environment.ts";

/** A live process; zombies are left out. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Pid and start time: a pid alone may be given to another process. */
  readonly identity: string;
}

/** Is there a `/proc` to look into? */
export const canSeeProcesses: boolean = process.platform === "linux";

/** Processes whose environment carries the tag. */
export function taggedProcesses(tag: string): readonly ProcessRow[] {
  return listProcesses().filter(({ pid }) => hasTag(pid, tag));
}

export function hasTag(pid: number, tag: string): boolean {
  return `\0${textOf(pid, "environ")}\0`.includes(`\0${tagVariable}=${tag}\0`);
}

/** What a process started, and what that started. */
export function descendantsOf(pid: number): readonly ProcessRow[] {
  const all = listProcesses();
  const found: ProcessRow[] = [];
  for (let parents = [pid]; parents.length > 0;) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

/** Everything that came from a process: by its parents, or by its tag. The process itself is left out. */
export function familyOf(pid: number, tag: string): readonly ProcessRow[] {
  const rows = [...descendantsOf(pid), ...taggedProcesses(tag)].filter((row) => row.pid !== pid);
  return [...new Map(rows.map((row) => [row.identity, row])).values()];
}

export function isRunning({ pid, identity }: ProcessRow): boolean {
  return rowOf(pid)?.identity === identity;
}

/** `123 (sleep 60)`. */
export function nameOf({ pid }: Pick<ProcessRow, "pid">): string {
  return `${pid} (${textOf(pid, "cmdline").replaceAll("\0", " ").trim() || "?"})`;
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(textOf(pid, "status"))?.[1] ?? 0) * 1024;
}

function listProcesses(): readonly ProcessRow[] {
  if (!canSeeProcesses) return [];
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (rowOf(Number(name)) ?? []) : []));
}

function rowOf(pid: number): ProcessRow | undefined {
  // After the name of the program, which may hold anything: state, parent, and the start time as field 22 of proc(5).
  const [state, parent, ...rest] = textOf(pid, "stat")
    .replace(/^.*\) /s, "")
    .split(" ");
  const startTime = rest[17];
  if (startTime === undefined || state === "Z" || state === "X") return undefined;
  return { pid, parent: Number(parent), identity: `${pid}@${startTime}` };
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // Gone, or not ours to read.
  }
}
