import { HostError } from "@executor-host/proto/shared/error";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import type { Logger } from "../log/logger.ts";
import type { ExecutorDescription, ExecutorInfo, SkippedFile } from "../model/model.ts";
import { nearest } from "@executor-host/proto/shared/nearest";
import { scanPlugins, type Binary } from "./catalog.ts";
import type { Containment } from "./containment.ts";
import { ExecutorProcess, type ProcessOptions } from "./executor-process.ts";
import { Pool, type Lease } from "./pool.ts";

export interface SupervisorOptions extends ProcessOptions {
  readonly pluginsDirs: readonly string[];
  readonly idleStopMs: number;
  readonly containment: Containment;
  readonly logger: Logger;
}

/**
 * All executors of this host: found on disk, started when needed, one pool each.
 *
 * Knows nothing of executions beyond leases. One bad executor never disturbs the others.
 */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  #pools = new Map<string, Pool>();
  #skipped: readonly SkippedFile[] = [];
  #retired: Promise<void>[] = [];
  #processes = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Look at the plugins directories again: new files come in; replaced and removed ones go out of service once they are idle. */
  async refresh(): Promise<void> {
    const { binaries, skipped } = await scanPlugins(this.#options.pluginsDirs);
    this.#skipped = skipped;
    const pools = new Map<string, Pool>();
    for (const binary of binaries) {
      const existing = this.#pools.get(binary.name);
      const same = existing?.binary.path === binary.path && existing.binary.version === binary.version;
      pools.set(binary.name, existing !== undefined && (same || existing.busy) ? existing : this.#createPool(binary));
    }
    for (const [name, pool] of this.#pools) {
      if (pools.get(name) === pool) continue;
      if (pool.busy) pools.set(name, pool);
      else this.#retired.push(pool[Symbol.asyncDispose]());
    }
    this.#pools = pools;
  }

  list(): { executors: readonly ExecutorInfo[]; skipped: readonly SkippedFile[] } {
    const executors = [...this.#pools.values()].map((pool) => pool.info);
    return { executors: executors.toSorted((a, b) => a.name.localeCompare(b.name)), skipped: this.#skipped };
  }

  /** What the host knows of an executor, started if need be. @throws {HostError} `EXECUTOR_NOT_FOUND`, `EXECUTOR_UNUSABLE` */
  async describe(name: string, signal: AbortSignal): Promise<{ info: ExecutorInfo; description: ExecutorDescription }> {
    const pool = await this.#find(name);
    const description = await pool.describe(signal);
    return { info: pool.info, description };
  }

  /** @throws {HostError} `EXECUTOR_NOT_FOUND`, `EXECUTOR_UNUSABLE`; `signal.reason` */
  async lease(name: string, signal: AbortSignal): Promise<Lease> {
    const pool = await this.#find(name);
    return pool.lease(signal);
  }

  /** Like `describe`, without waiting: undefined when it is not known yet. */
  known(name: string): ExecutorDescription | undefined {
    return this.#pools.get(name)?.info.description;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new HostError("HOST_DRAINING", "the host is stopping"));
    await Promise.all([...this.#pools.values()].map((pool) => pool[Symbol.asyncDispose]()));
    await Promise.all(this.#retired);
  }

  async #find(name: string): Promise<Pool> {
    if (!this.#pools.has(name)) await this.refresh();
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool;
    const unusable = this.#skipped.filter((file) => file.path.endsWith(`dkron-executor-${name}`));
    if (unusable.length > 0) {
      const reasons = unusable.map((file) => `${file.path}: ${file.reason}`).join("; ");
      throw new HostError("EXECUTOR_UNUSABLE", `executor "${name}" cannot be used: ${reasons}`);
    }
    const suggestion = nearest(name, [...this.#pools.keys()]);
    const available = [...this.#pools.keys()].toSorted().join(", ") || "none";
    throw new HostError("EXECUTOR_NOT_FOUND", `no executor is named "${name}"`, {
      hint:
        suggestion === undefined ? `there are: ${available}` : `did you mean "${suggestion}"? There are: ${available}`,
    });
  }

  #createPool(binary: Binary): Pool {
    const { containment, idleStopMs, timeouts, logger } = this.#options;
    let { autoMtls } = this.#options;
    return new Pool(binary, {
      idleStopMs,
      timeouts,
      logger,
      start: async () => {
        this.#processes += 1;
        const group = await containment.forProcess(`${process.pid}-${this.#processes}`);
        const started = await ExecutorProcess.start(binary, group, { ...this.#options, autoMtls }, this.#stop.signal);
        if (started.link.protocolVersion === appVersions.dkron) autoMtls = false;
        return started;
      },
    });
  }
}
