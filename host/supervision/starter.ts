import { appVersions } from "@executor-host/proto/shared/executor-link";
import type { Binary } from "./catalog.ts";
import type { Containment, ProcessGroup } from "./containment.ts";
import { ExecutorProcess } from "./executor-process.ts";
import type { Confined, Isolation } from "./isolation/isolation.ts";
import type { LaunchOptions } from "./launch-executor.ts";
import type { Pins } from "./pins.ts";

export interface StarterOptions extends Omit<LaunchOptions, "sha256" | "confined"> {
  readonly pins: Pins;
  readonly isolation: Isolation;
  readonly containment: Containment;
}

/** Starts processes of executors: only of files that may be started, and each within what holds it. */
export class Starter {
  readonly #options: StarterOptions;
  /** Ends starts under way. */
  readonly #stop: AbortSignal;
  #processes = 0;

  constructor(options: StarterOptions, stop: AbortSignal) {
    this.#options = options;
    this.#stop = stop;
  }

  /** @returns starts one more process of a file; what was learnt from the first holds for the next ones */
  of(binary: Binary): () => Promise<ExecutorProcess> {
    const { pins, isolation } = this.#options;
    const { name } = binary;
    let { autoMtls } = this.#options;
    return async () => {
      pins.assertPinned(name);
      const unreached = await isolation.problemOf(name);
      if (unreached !== undefined) throw unreached;
      const { group, confined } = await this.#confine(binary);
      const options = { ...this.#options, autoMtls, confined, sha256: pins.of(name) };
      const started = await ExecutorProcess.start(binary, group, options, this.#stop);
      if (started.link.protocolVersion === appVersions.dkron) autoMtls = false;
      return started;
    };
  }

  /** @throws what keeps it from being held; nothing is left then */
  async #confine(binary: Binary): Promise<{ group: ProcessGroup; confined: Confined }> {
    const { containment, isolation, runtimeDir } = this.#options;
    this.#processes += 1;
    const limits = isolation.limitsOf(binary.name);
    const group = await containment.forProcess(`${process.pid}-${this.#processes}`, limits);
    try {
      const confined = await isolation.confine(binary, group.joins, runtimeDir);
      if (confined.runsAs !== undefined) await group.handOver(confined.runsAs);
      return { group, confined };
    } catch (error) {
      await group.killAll();
      throw error;
    }
  }
}
