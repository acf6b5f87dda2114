import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import { jittered } from "./jitter.ts";

export interface BackoffLimits {
  /** First wait; doubles with every failure in a row, up to the maximum. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Failed starts of an executor, one after the other: until the wait is over, everybody is told of the last one. */
export class StartFailures {
  readonly #executor: string;
  readonly #limits: BackoffLimits;
  #count = 0;
  #last: HostError | undefined;
  /** By `performance.now()`, which no change of the clock moves. */
  #untilMs = 0;

  constructor(executor: string, limits: BackoffLimits) {
    this.#executor = executor;
    this.#limits = limits;
  }

  /** The last one, for people; empty when the last start went well. */
  get problem(): string {
    return this.#last?.message ?? "";
  }

  /** Until the next try. */
  get waitMs(): number {
    return Math.max(0, this.#untilMs - performance.now());
  }

  /** @throws {HostError} `EXECUTOR_UNUSABLE`, retryable, while it is too early for another try */
  assertNotTooEarly(): void {
    const { waitMs } = this;
    if (this.#last === undefined || waitMs === 0) return;
    throw new HostError("EXECUTOR_UNUSABLE", this.#last.message, {
      hint: this.#last.hint,
      cause: this.#last,
      retryable: true,
      retryAfterMs: waitMs,
    });
  }

  /** @returns what to tell those who waited for the start */
  failed(error: unknown): HostError {
    const failure = this.foresee(error);
    this.#count += 1;
    const backoffMs = Math.min(this.#limits.maxMs, this.#limits.firstMs * 2 ** (this.#count - 1));
    this.#untilMs = performance.now() + jittered(backoffMs);
    return failure;
  }

  /** It is clear without a try that a start would fail. Whoever asks for one may still try. */
  foresee(error: unknown): HostError {
    const cause = isHostError(error) ? error : new HostError("EXECUTOR_UNUSABLE", messageOf(error), { cause: error });
    const message = `executor "${this.#executor}" cannot be started: ${cause.message}`;
    this.#last = new HostError("EXECUTOR_UNUSABLE", message, { hint: cause.hint, cause });
    return this.#last;
  }

  succeeded(): void {
    this.#count = 0;
    this.#last = undefined;
    this.#untilMs = 0;
  }
}
