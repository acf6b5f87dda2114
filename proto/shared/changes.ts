/** Lets any number of waiters wait for the next change of something, each as long as it likes. */
export class Changes {
  #waiters = new Set<() => void>();

  /** Wake all who wait. */
  notify(): void {
    if (this.#waiters.size === 0) return;
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  /**
   * Resolves with the next change, or when so much time has passed without one.
   *
   * @throws `signal.reason` when aborted
   */
  next(signal?: AbortSignal, withinMs?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", aborted);
        this.#waiters.delete(wake);
      };
      const wake = () => {
        leave();
        resolve();
      };
      const aborted = () => {
        leave();
        reject(signal?.reason as Error);
      };
      const timer = withinMs === undefined ? undefined : setTimeout(wake, withinMs);
      this.#waiters.add(wake);
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }
}
