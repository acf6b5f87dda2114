/** Fires once when it has not been touched for a while. Touching is only a note of the time, so that it may happen for every event. */
export class SilenceTimer {
  readonly #afterMs: number;
  readonly #onSilence: () => void;
  #touchedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(afterMs: number, onSilence: () => void) {
    this.#afterMs = afterMs;
    this.#onSilence = onSilence;
    this.#arm(afterMs);
  }

  /** Start over, also after it has fired; not after `stop`. */
  touch(): void {
    if (this.#stopped) return;
    this.#touchedMs = performance.now();
    if (this.#timer === undefined) this.#arm(this.#afterMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stopped = true;
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const leftMs = this.#touchedMs + this.#afterMs - performance.now();
      if (leftMs <= 0) this.#onSilence();
      else this.#arm(leftMs);
    }, delayMs);
  }
}
