import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../root.ts";

/** What is known of a service that is up, or of why it is not. */
export type ServiceRecord =
  | {
      readonly endpoints: Readonly<Record<string, string>>;
      readonly directory: string;
      readonly processes: readonly ServiceProcess[];
    }
  | { readonly problem: string };

export interface ServiceProcess {
  /** Leads a process group of its own. */
  readonly pid: number;
  /** In clock ticks since boot; a process id alone may be given to another process. */
  readonly startTime: string;
}

/** Kept in the checkout, so that tests started by hand find what `scripts/services up` started. */
const directory = join(root, ".services");

/** Where downloads and builds of a service are kept. */
export function cacheDirOf(name: string): string {
  const cacheDir = join(directory, "cache", name);
  mkdirSync(cacheDir, { recursive: true });
  return cacheDir;
}

export function readRecord(name: string): ServiceRecord | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(name), "utf8")) as ServiceRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function writeRecord(name: string, record: ServiceRecord): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(pathOf(name), JSON.stringify(record, undefined, 2));
}

export function removeRecord(name: string): void {
  rmSync(pathOf(name), { force: true });
}

/** @returns undefined when there is no such process */
export function startTimeOf(pid: number): string | undefined {
  try {
    // After the name of the program, which may hold anything; the start time is field 22 of proc(5).
    const [state, ...rest] = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return state === "Z" || state === "X" ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

function pathOf(name: string): string {
  return join(directory, `${name}.json`);
}
