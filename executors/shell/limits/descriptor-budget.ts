import { readFileSync } from "node:fs";
import { limits } from "../defaults.ts";

/**
 * As many jobs at a time as there are file descriptors for; the others wait for their turn, in order.
 *
 * Without it, one job too many would not only fail itself: this executor could not look after the others any more.
 */
export class DescriptorBudget {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** @param openFiles limit of this process; by default what the kernel says */
  constructor(openFiles = openFilesLimit()) {
    this.#free = Math.max(1, Math.floor((openFiles - limits.reservedDescriptors) / limits.descriptorsPerJob));
  }

  /** Wait until there are enough for one more job, or until the signal aborts. Call the result when the job has given them back. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#turn(signal))) return () => {};
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  /** @returns false when the signal came first */
  #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const start = (): void => {
        signal.removeEventListener("abort", giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        resolve(false);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(start);
    });
  }
}

/** Of this process; a system that does not tell is taken to have no limit that matters. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
