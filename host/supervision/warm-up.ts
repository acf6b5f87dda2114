export interface WarmUpOptions {
  /** Processes that are missing, those being started not counted. */
  missing(): number;
  /** Until the next may be started, in milliseconds. */
  waitMs(): number;
  /** Start one. */
  begin(): void;
}

/** Keeps processes ready before there is work: starts what is missing, at once or when it may. */
export class WarmUp implements Disposable {
  readonly #options: WarmUpOptions;
  #later: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: WarmUpOptions) {
    this.#options = options;
  }

  /** Something has changed: look what is missing. */
  look(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#isStopped) return;
    const missing = this.#options.missing();
    if (missing <= 0) return;
    const waitMs = this.#options.waitMs();
    if (waitMs > 0) {
      this.#later = setTimeout(() => this.look(), waitMs);
      this.#later.unref();
      return;
    }
    for (let each = 0; each < missing; each++) this.#options.begin();
  }

  /** For good. */
  [Symbol.dispose](): void {
    this.#isStopped = true;
    clearTimeout(this.#later);
  }
}
