import type { PluginProcess } from "@executor-host/goplugin/client";
import type { ProcessGroup } from "../supervision/containment.ts";

/** An executor launched as a host does it, and everything it started. Disposing of it ends both; idempotent. */
export class Launched implements AsyncDisposable {
  readonly plugin: PluginProcess;
  readonly #group: ProcessGroup;
  readonly #graceMs: number;
  readonly #said: readonly string[];
  #disposed: Promise<void> | undefined;

  /** @param said what it logs and prints, as it comes */
  constructor(plugin: PluginProcess, group: ProcessGroup, graceMs: number, said: readonly string[]) {
    this.plugin = plugin;
    this.#group = group;
    this.#graceMs = graceMs;
    this.#said = said;
  }

  /** By which its processes are found. */
  get tag(): string {
    return this.#group.tag;
  }

  /** The latest of what it has logged and printed. */
  said(): string {
    return this.#said.join("\n");
  }

  /** End it as a crash does, and everything it had started as a host then does. */
  async crash(): Promise<void> {
    process.kill(this.plugin.pid, "SIGKILL");
    await this.plugin.exited;
    await this[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.plugin.stop({ graceMs: this.#graceMs });
    await this.#group.killAll();
  }
}
