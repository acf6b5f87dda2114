import { readdirSync, readFileSync } from "node:fs";

/** What `/proc` says of a live process. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Is the process there, and no zombie? */
export function isRunning(pid: number): boolean {
  return stateOf(pid) !== undefined;
}

/** Live processes whose environment marks them as started by a host of this instance. */
export function taggedProcesses(instanceId: string): readonly ProcessFacts[] {
  const needle = `\0EXECUTOR_HOST_TAG=${instanceId}/`;
  return pids().flatMap((pid) => {
    const environment = read(`/proc/${pid}/environ`);
    if (environment === undefined || !`\0${environment}`.includes(needle)) return [];
    const state = stateOf(pid);
    return state === undefined ? [] : [{ pid, parent: state.parent, command: commandOf(pid) }];
  });
}

/** The instance whose host has started this executor. */
export function instanceOf(executorPid: number): string {
  return /(?:^|\0)EXECUTOR_HOST_TAG=([^/]*)\//.exec(read(`/proc/${executorPid}/environ`) ?? "")?.[1] ?? "";
}

/** Descriptors that a process has open; this one, if none is named. */
export function openDescriptors(pid = process.pid): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`);
}

function pids(): readonly number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

function stateOf(pid: number): { parent: number } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command's name stands in parentheses and may itself contain anything.
  const [state = "", parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return stat === undefined || state === "Z" || state === "X" ? undefined : { parent: Number(parent) };
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim() ?? "";
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined; // It ended between two looks, or belongs to somebody else.
  }
}
