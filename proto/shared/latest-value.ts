export interface LatestValueOptions<T> {
  /** Shortest time between two values that are passed on; asked anew for each. */
  readonly intervalMs: () => number;
  /** @returns false: not now; it is tried again with the next value, or by `flush` */
  readonly pass: (value: T) => boolean;
}

/**
 * Passes on the latest of many values: the first one at once, then at most one per interval. What is held back in between gives way to what comes
 * after it, so that the last one always arrives, late at most by the interval.
 *
 * Its timer keeps no process alive.
 */
export class LatestValue<T> implements Disposable {
  readonly #options: LatestValueOptions<T>;
  #held: { readonly value: T } | undefined;
  #passedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: LatestValueOptions<T>) {
    this.#options = options;
  }

  offer(value: T): void {
    if (this.#isClosed) return;
    this.#held = { value };
    if (this.#timer !== undefined) return;
    const waitMs = this.#passedMs + this.#options.intervalMs() - performance.now();
    if (waitMs <= 0) this.flush();
    else this.#timer = setTimeout(() => this.flush(), waitMs).unref();
  }

  /** Pass on now what is held back, if there is anything. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    if (held === undefined || !this.#options.pass(held.value)) return;
    this.#held = undefined;
    this.#passedMs = performance.now();
  }

  /** Drop what is held back, and take no more. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#held = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
