import { watch, type FSWatcher } from "node:fs";
import type { Timeouts } from "../timeouts.ts";

interface PluginsWatcherOptions {
  readonly timeouts: Pick<Timeouts, "pluginsSettleMs" | "pluginsIntervalMs">;
  /** Something may have changed. Never called twice at the same time. */
  onChange(): Promise<void>;
}

/**
 * Notices changes of plugins directories: where the system reports them, soon after the last of several; elsewhere (network file systems, directories that
 * are not there yet) by and by.
 */
export class PluginsWatcher implements Disposable {
  readonly #directories: readonly string[];
  readonly #options: PluginsWatcherOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #soon: NodeJS.Timeout | undefined;
  #regularly: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isStopped = false;

  constructor(directories: readonly string[], options: PluginsWatcherOptions) {
    this.#directories = directories;
    this.#options = options;
  }

  start(): void {
    this.#watch();
    this.#regularly = setInterval(() => this.lookSoon(), this.#options.timeouts.pluginsIntervalMs);
    this.#regularly.unref();
  }

  /** Look when nothing has changed for a moment. */
  lookSoon(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.#look(), this.#options.timeouts.pluginsSettleMs);
    this.#soon.unref();
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    clearTimeout(this.#soon);
    clearInterval(this.#regularly);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return this.lookSoon();
    this.#isLooking = true;
    try {
      this.#watch();
      await this.#options.onChange();
    } finally {
      this.#isLooking = false;
    }
  }

  #watch(): void {
    for (const directory of this.#directories) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, { persistent: false }, () => this.lookSoon());
        // Such as the directory's end. It is watched again when it is back.
        watcher.on("error", () => this.#forget(directory));
        this.#watchers.set(directory, watcher);
      } catch {
        // Not there, or no watches left: the regular look serves.
      }
    }
  }

  #forget(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }
}
