/** A wait for company: what is done at once costs less than one after the other. Whoever is in a hurry cuts it short. */
export class Gathering {
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #endsMs = 0;

  /** Resolves after that time, or earlier if somebody says so. One at a time. */
  async wait(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    this.#endAfter(waitMs);
    await promise;
  }

  /** Let the wait end within a time from now; 0 is at once. Of no effect when nobody waits, or not that long. */
  within(waitMs: number): void {
    if (this.#end === undefined) return;
    if (waitMs === 0) this.#finish();
    else if (performance.now() + waitMs < this.#endsMs) this.#endAfter(waitMs);
  }

  #endAfter(waitMs: number): void {
    clearTimeout(this.#timer);
    this.#endsMs = performance.now() + waitMs;
    this.#timer = setTimeout(() => this.#finish(), waitMs);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    const end = this.#end;
    this.#end = undefined;
    end?.();
  }
}
