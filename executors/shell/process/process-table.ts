import { setTimeout as delay } from "node:timers/promises";
import { environmentOf, listProcesses, type ProcessInfo } from "./proc.ts";
import { tagVariable } from "./tag.ts";

/** A process, with the tag it carries if it belongs to a job. */
export interface TableEntry extends ProcessInfo {
  readonly tag: string | undefined;
}

interface KnownTag {
  readonly startTicks: number;
  readonly tag: string | undefined;
}

/**
 * Looks at all processes of the machine, for all jobs that ask at about the same time.
 *
 * A look blocks this executor for some milliseconds, longer on a machine with many processes. So those who ask share looks, and there are
 * pauses in between of twice the length.
 */
export class ProcessTable {
  #next: Promise<readonly TableEntry[]> | undefined;
  #notBeforeMs = 0;
  /** Tags by pid. Reading an environment costs as much as everything else, and what is in it does not change. */
  #tags = new Map<number, KnownTag>();

  /** All processes but this one and the kernel's, at a moment after this call. */
  look(): Promise<readonly TableEntry[]> {
    return (this.#next ??= this.#lookSoon());
  }

  async #lookSoon(): Promise<readonly TableEntry[]> {
    await delay(Math.max(0, this.#notBeforeMs - performance.now()));
    // Whoever asks from here on wants to know about a later moment.
    this.#next = undefined;
    const startMs = performance.now();
    const entries = this.#read();
    const endMs = performance.now();
    this.#notBeforeMs = endMs + 2 * (endMs - startMs);
    return entries;
  }

  #read(): TableEntry[] {
    const tags = new Map<number, KnownTag>();
    const entries: TableEntry[] = [];
    for (const info of listProcesses()) {
      if (info.kernelThread || info.pid === process.pid) continue;
      const known = this.#tags.get(info.pid);
      const isKnown = known?.startTicks === info.startTicks;
      const environment = isKnown ? undefined : environmentOf(info.pid);
      const tag = isKnown ? known.tag : tagIn(environment);
      entries.push({ ...info, tag });
      // While a process is being replaced by another program its environment reads as empty.
      if (environment !== "") tags.set(info.pid, { startTicks: info.startTicks, tag });
    }
    this.#tags = tags;
    return entries;
  }
}

/** @param environment entries separated by NUL */
function tagIn(environment = ""): string | undefined {
  const entry = environment.split("\0").findLast((one) => one.startsWith(`${tagVariable}=`));
  return entry?.slice(tagVariable.length + 1);
}
