import type { LimitsInForce } from "./limits-in-force.ts";

/** Limits that count from a moment on: a start, or the last sign of life. */
export type TimedLimit = "attemptTimeoutMs" | "totalTimeoutMs" | "noOutputTimeoutMs" | "heartbeatTimeoutMs";

export interface LimitTimerOptions {
  readonly limits: LimitsInForce;
  readonly limit: TimedLimit;
  /** From when it counts, by `performance.now()`. Default: now. */
  readonly sinceMs?: number;
  /** Called once, with the limit as it is then. */
  readonly onReached: (limitMs: number) => void;
  /** The time does not count while this says so. */
  readonly isExcused?: () => boolean;
}

/**
 * Tells when a limit is reached, counted from a moment or from the last touch, and goes by changes of the limit meanwhile.
 *
 * Touching is only a note of the time, so that it may happen for every event.
 */
export class LimitTimer implements Disposable {
  readonly #options: LimitTimerOptions;
  readonly #changes: Disposable;
  #sinceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(options: LimitTimerOptions) {
    this.#options = options;
    this.#sinceMs = options.sinceMs ?? performance.now();
    this.#changes = options.limits.onChange(() => this.#arm());
    this.#arm();
  }

  /** Start over. */
  touch(): void {
    this.#sinceMs = performance.now();
  }

  [Symbol.dispose](): void {
    this.#disarm();
    this.#changes[Symbol.dispose]();
  }

  #arm(): void {
    this.#disarm();
    const limitMs = this.#limitMs;
    if (limitMs === undefined) return;
    const waitMs = Math.max(0, this.#sinceMs + limitMs - performance.now());
    this.#timer = setTimeout(() => {
      // Timers come before input: a sign of life that came while this process was busy shall be heard first.
      this.#immediate = setImmediate(() => this.#look(limitMs));
    }, waitMs);
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #look(limitMs: number): void {
    if (this.#options.isExcused?.() === true) this.touch();
    if (performance.now() < this.#sinceMs + limitMs) return this.#arm();
    this[Symbol.dispose]();
    this.#options.onReached(limitMs);
  }

  get #limitMs(): number | undefined {
    return this.#options.limits.values[this.#options.limit];
  }
}
