import type { LogEntry } from "@executor-host/goplugin/client";

/** What a process has logged, in order; a log travels apart from calls, so that it may come after their answers. */
export class LogBook {
  readonly entries: LogEntry[] = [];
  readonly #waiting = new Set<() => void>();
  #over = false;

  add(entry: LogEntry): void {
    this.entries.push(entry);
    this.#wake();
  }

  /** The process has ended, and nothing more will come. */
  end(): void {
    this.#over = true;
    this.#wake();
  }

  async waitFor(matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    for (;;) {
      const found = this.entries.find(matches);
      if (found !== undefined) return found;
      if (this.#over) {
        const messages = this.entries.map(({ level, message }) => `${level} ${message}`);
        throw new Error(`the process ended without the log entry; it logged ${JSON.stringify(messages)}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
