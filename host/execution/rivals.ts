import type { ExecutionRun } from "./run.ts";

/**
 * Unfinished executions by their concurrency key, the oldest first. Those without a key are nobody's rivals.
 *
 * One that has its result is nobody's rival either, although it is taken out only when everybody can see that.
 */
export class Rivals {
  readonly #byKey = new Map<string, Set<ExecutionRun>>();

  of(key: string): readonly ExecutionRun[] {
    return [...(this.#byKey.get(key) ?? [])].filter((run) => !run.hasResult);
  }

  add(key: string, run: ExecutionRun): void {
    if (key === "") return;
    const runs = this.#byKey.get(key) ?? new Set();
    runs.add(run);
    this.#byKey.set(key, runs);
  }

  remove(key: string, run: ExecutionRun): void {
    const runs = this.#byKey.get(key);
    runs?.delete(run);
    if (runs?.size === 0) this.#byKey.delete(key);
  }
}
