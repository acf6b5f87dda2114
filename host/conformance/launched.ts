import type { PluginProcess } from "@executor-host/goplugin/client";
import type { ProcessGroup } from "../supervision/containment.ts";

/** An executor launched as a host does it, and everything it started. Disposing of it ends both; idempotent. */
export class Launched implements AsyncDisposable {
  readonly plugin: PluginProcess;
  readonly #group: ProcessGroup;
  readonly #graceMs: number;
  #disposed: Promise<void> | undefined;

  constructor(plugin: PluginProcess, group: ProcessGroup, graceMs: number) {
    this.plugin = plugin;
    this.#group = group;
    this.#graceMs = graceMs;
  }

  /** By which its processes are found. */
  get tag(): string {
    return this.#group.tag;
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
