import { HostError } from "@executor-host/proto/shared/error";
import { formatElapsed } from "../settings/duration.ts";
import { jittered } from "./jitter.ts";
import type { BackoffLimits } from "./start-failures.ts";

export interface CrashLimits {
  /** Crashes within the window from which nothing is started for a while; 0 means never. */
  readonly limit: number;
  readonly windowMs: number;
  /** First pause; doubles with every trial that crashes, up to the maximum. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** Waits between the restarts of processes that are kept ready, from the second crash within the window on. */
  readonly restart: BackoffLimits;
}

interface Crash {
  readonly atMs: number;
  /** Names of the jobs that were running in the process; empty for those without a name, and for none. */
  readonly jobs: readonly string[];
}

/** More jobs than these are not remembered as suspects. */
const maxSuspects = 1_000;

/**
 * What the crashes of an executor mean for what comes next. Moments are those of `performance.now()`, which no change of the clock moves.
 *
 * Many crashes in a short time close the door for a while; then a single execution may try, and opens it again if it does not crash. A single job
 * that crashes whatever runs it closes nothing: it is a suspect, to be kept apart from all others.
 */
export class CrashRecord {
  readonly #executor: string;
  readonly #limits: CrashLimits;
  #recent: Crash[] = [];
  readonly #suspects = new Map<string, number>();
  #count = 0;
  #last = "";
  #pauseMs = 0;
  #closedUntilMs = 0;
  #restartMs = 0;
  #state: "open" | "closed" | "trial" = "open";

  constructor(executor: string, limits: CrashLimits) {
    this.#executor = executor;
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** The last one, for people. */
  get last(): string {
    return this.#last;
  }

  /** Why nothing is started now, for people; empty when something may be. */
  get problem(): string {
    return this.#state === "open" ? "" : this.#refusal(performance.now()).message;
  }

  /** Until a process may be started that nobody waits for. */
  get restartWaitMs(): number {
    return Math.max(0, this.#restartMs - performance.now());
  }

  /** How often the executor crashed while this job ran, since the job last ended well. */
  suspicionOf(job: string): number {
    return this.#suspects.get(job) ?? 0;
  }

  /**
   * Ask for the door to be open. The first who asks after a pause is the trial; all others wait for its end.
   *
   * @returns whether this is the trial
   * @throws {HostError} `EXECUTOR_UNUSABLE`, retryable, with the time to wait
   */
  enter(): boolean {
    if (this.#state === "open") return false;
    const now = performance.now();
    if (this.#state === "trial" || now < this.#closedUntilMs) throw this.#refusal(now);
    this.#state = "trial";
    return true;
  }

  /** Somebody who entered has left, and the process is still there. */
  left(job: string, isTrial: boolean): void {
    this.#suspects.delete(job);
    if (!isTrial || this.#state !== "trial") return;
    this.#state = "open";
    this.#recent = [];
    this.#pauseMs = 0;
  }

  /** Somebody who entered found no process to run in. */
  gaveUp(isTrial: boolean): void {
    if (isTrial && this.#state === "trial") this.#state = "closed";
  }

  /** @param detail for people @param jobs names of what was running */
  crashed(detail: string, jobs: readonly string[]): void {
    const now = performance.now();
    this.#count += 1;
    this.#last = `${new Date().toISOString()}: ${detail}`;
    for (const job of new Set(jobs)) this.#suspect(job);
    const { limit, windowMs, pauseMs, maxPauseMs, restart } = this.#limits;
    this.#recent = [...this.#recent.filter(({ atMs }) => atMs > now - windowMs), { atMs: now, jobs }];
    const doublings = this.#recent.length - 2;
    this.#restartMs = doublings < 0 ? now : now + jittered(Math.min(restart.maxMs, restart.firstMs * 2 ** doublings));
    const isLoop = limit > 0 && this.#recent.length >= limit && !this.#isOneJob;
    if (!isLoop && this.#state !== "trial") return;
    this.#state = "closed";
    this.#pauseMs = Math.min(maxPauseMs, this.#pauseMs === 0 ? pauseMs : this.#pauseMs * 2);
    this.#closedUntilMs = now + jittered(this.#pauseMs);
  }

  /** Every recent crash happened while the same job was running. */
  get #isOneJob(): boolean {
    const [first, ...others] = this.#recent;
    return (first?.jobs ?? []).some((job) => job !== "" && others.every(({ jobs }) => jobs.includes(job)));
  }

  #suspect(job: string): void {
    if (job === "" || (this.#suspects.size >= maxSuspects && !this.#suspects.has(job))) return;
    this.#suspects.set(job, this.suspicionOf(job) + 1);
  }

  #refusal(now: number): HostError {
    const waitMs = Math.max(0, this.#closedUntilMs - now);
    const then = waitMs > 0 ? `the next try is in ${formatElapsed(waitMs)}` : "one execution is trying now";
    const message = `executor "${this.#executor}" has crashed ${this.#count} times, too often; ${then}; the last time: ${this.#last}`;
    const retryAfterMs = Math.max(waitMs, this.#limits.pauseMs / 10);
    return new HostError("EXECUTOR_UNUSABLE", message, {
      hint: "look at its last words; executor-crash-limit sets how often is too often",
      retryable: true,
      retryAfterMs,
    });
  }
}
