import { lstatSync, readFileSync } from "node:fs";
import type { ExecutorProcess } from "./executor-process.ts";

/** When a process is to be replaced by a fresh one though it works. 0 means never. */
export interface WearLimits {
  /** Executions it has run. */
  readonly recycleAfter: number;
  readonly maxAgeMs: number;
  readonly maxMemoryBytes: number;
}

/** Judges whether a process has served its time. */
export class Wear {
  readonly #limits: WearLimits;

  constructor(limits: WearLimits) {
    this.#limits = limits;
  }

  /** After an execution. */
  isSpent(process: ExecutorProcess): boolean {
    const { recycleAfter } = this.#limits;
    return recycleAfter > 0 && process.info.finishedExecutions >= recycleAfter;
  }

  /** Now and then. @returns why it shall be replaced, for people; undefined if it may stay */
  reasonToReplace(process: ExecutorProcess): string | undefined {
    const { maxAgeMs, maxMemoryBytes } = this.#limits;
    if (maxAgeMs > 0 && Date.now() - process.startedMs >= maxAgeMs) return "it is old";
    if (maxMemoryBytes > 0 && residentBytes(below(process.pid, process.parents)) > maxMemoryBytes) return "it is large";
    // Some cleaner of temporary files, perhaps. What is connected goes on, but could never connect again.
    if (process.socketPath !== undefined && !isSocket(process.socketPath)) return "its socket is gone";
    return undefined;
  }
}

/** The process so many generations below another, each an only child. */
function below(pid: number, generations: number): number {
  let found = pid;
  for (let generation = 0; generation < generations; generation++) {
    try {
      const [child] = readFileSync(`/proc/${found}/task/${found}/children`, "latin1").split(" ");
      found = Number(child) || found;
    } catch {
      return found; // it is ending
    }
  }
  return found;
}

/** Resident memory of a process; 0 where that cannot be read. */
function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
