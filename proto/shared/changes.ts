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

  /** Resolves with the next change. @throws `signal.reason` when aborted */
  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const wake = () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      };
      const aborted = () => {
        this.#waiters.delete(wake);
        reject(signal?.reason as Error);
      };
      this.#waiters.add(wake);
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }
}
