import type { ExecutorProcess } from "./executor-process.ts";

/** A process in service: who is in it, and whether one more may come. */
export class Member {
  readonly process: ExecutorProcess;
  /** Executions that ignore every request to stop. */
  stubborn = 0;
  /** Gets no new work and is stopped when it has none. */
  isWorn: boolean;
  /** Ends it if nobody comes. */
  idle: NodeJS.Timeout | undefined;
  readonly #jobs: string[] = [];
  /** Runs a suspect, and gets nothing beside it. */
  #isExclusive = false;

  constructor(process: ExecutorProcess, isWorn: boolean) {
    this.process = process;
    this.isWorn = isWorn;
  }

  /** Names of the jobs that run in it. */
  get jobs(): readonly string[] {
    return this.#jobs;
  }

  get isUsable(): boolean {
    return !this.isWorn && this.stubborn === 0;
  }

  /** @param isAlone for one that may have no neighbours */
  hasPlace(isAlone: boolean): boolean {
    const { link, hasExited, active } = this.process;
    const { cancel, maxConcurrentExecutions } = link.description.capabilities;
    const shared = cancel ? maxConcurrentExecutions || Number.POSITIVE_INFINITY : 1;
    return this.isUsable && !this.#isExclusive && !hasExited && active < (isAlone ? 1 : shared);
  }

  enter(job: string, isAlone: boolean): void {
    clearTimeout(this.idle);
    this.process.enter();
    this.#isExclusive = isAlone;
    this.#jobs.push(job);
  }

  leave(job: string): void {
    this.process.leave();
    this.#isExclusive = false;
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
  }
}
