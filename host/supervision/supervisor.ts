import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { nearest } from "@executor-host/proto/shared/nearest";
import type { ExecutorDescription, ExecutorInfo, SkippedFile } from "../model/model.ts";
import { scanPlugins, type Binary } from "./catalog.ts";
import { PluginsWatcher } from "./plugins-watcher.ts";
import { Pool, PoolRetiredError, type Lease, type PoolLimits } from "./pool.ts";
import { Starter, type StarterOptions } from "./starter.ts";

export interface SupervisorOptions extends StarterOptions {
  readonly pluginsDirs: readonly string[];
  readonly poolLimits: PoolLimits;
}

/**
 * All executors of this host: found on disk, started when needed, one pool each.
 *
 * Files that come, change or go are noticed. A changed file is started and checked beside the executor it replaces: if that works, new work goes there and
 * the old processes finish what they have; if not, the old ones stay. Knows nothing of executions beyond leases. One bad executor never disturbs the others.
 */
export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions;
  readonly #stop = new AbortController();
  readonly #starter: Starter;
  readonly #watcher: PluginsWatcher;
  readonly #pools = new Map<string, Pool>();
  /** Out of service, with work to finish. */
  readonly #retired = new Set<Pool>();
  readonly #ending = new Set<Promise<void>>();
  /** Versions of files that did not start in the place of an earlier one, by executor: tried again when the file changes. */
  readonly #refused = new Map<string, string>();
  readonly #replacing = new Map<string, Promise<void>>();
  #skipped: readonly SkippedFile[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#starter = new Starter(options, this.#stop.signal);
    this.#watcher = new PluginsWatcher(options.pluginsDirs, {
      timeouts: options.timeouts,
      onChange: () =>
        this.refresh().catch((error: unknown) => {
          options.logger.error("the plugins directories cannot be looked at", { error: messageOf(error) });
        }),
    });
  }

  /** Begin to notice changes of the plugins directories. */
  watch(): void {
    this.#watcher.start();
  }

  /** Look at the plugins directories now. A replacement that is being tried out is in service some time later. */
  async refresh(): Promise<void> {
    const { binaries, skipped } = await scanPlugins(this.#options.pluginsDirs);
    this.#skipped = skipped;
    const before = new Set(this.#pools.values());
    for (const binary of binaries) {
      const pool = this.#pools.get(binary.name);
      if (pool === undefined) this.#serve(this.#createPool(binary));
      else if (!isSame(pool.binary, binary)) this.#replace(pool, binary);
      else this.#refused.delete(binary.name);
    }
    const added = [...this.#pools.values()].filter((pool) => !before.has(pool));
    const names = new Set(binaries.map(({ name }) => name));
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue;
      this.#pools.delete(name);
      this.#refused.delete(name);
      this.#retire(pool);
      this.#options.logger.info("executor is gone from the plugins directory", { executor: name });
    }
    await Promise.all(added.map((pool) => this.#foresee(pool)));
  }

  list(): { executors: readonly ExecutorInfo[]; skipped: readonly SkippedFile[] } {
    const executors = [...this.#pools.values()].map((pool) => pool.info);
    return { executors: executors.toSorted((a, b) => a.name.localeCompare(b.name)), skipped: this.#skipped };
  }

  /** What the host knows of an executor, started if need be. @throws {HostError} `EXECUTOR_NOT_FOUND`, `EXECUTOR_UNUSABLE` */
  describe(name: string, signal: AbortSignal): Promise<{ info: ExecutorInfo; description: ExecutorDescription }> {
    return this.#serving(name, async (pool) => {
      const description = await pool.describe(signal);
      return { info: pool.info, description };
    });
  }

  /**
   * A place for one execution.
   *
   * @param job name of its job, for telling whose doing a crash is
   * @throws {HostError} `EXECUTOR_NOT_FOUND`, `EXECUTOR_UNUSABLE`; `signal.reason`
   */
  lease(name: string, signal: AbortSignal, job = ""): Promise<Lease> {
    return this.#serving(name, (pool) => pool.lease(signal, job));
  }

  /** Like `describe`, without waiting: undefined when it is not known yet. */
  known(name: string): ExecutorDescription | undefined {
    return this.#pools.get(name)?.description;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher[Symbol.dispose]();
    this.#stop.abort(new HostError("HOST_DRAINING", "the host is stopping"));
    const pools = [...this.#pools.values(), ...this.#retired];
    await Promise.all(pools.map((pool) => pool[Symbol.asyncDispose]()));
    await Promise.all(this.#replacing.values());
    await Promise.all(this.#ending);
  }

  /** Ask the pool that serves now; the one after it, if it is replaced meanwhile. */
  async #serving<T>(name: string, ask: (pool: Pool) => Promise<T>): Promise<T> {
    for (;;) {
      const pool = await this.#find(name);
      try {
        return await ask(pool);
      } catch (error) {
        if (!(error instanceof PoolRetiredError)) throw error;
      }
    }
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

  /** What is sure to fail is listed before anybody asks for it. */
  async #foresee(pool: Pool): Promise<void> {
    const { pins, isolation } = this.#options;
    const problem = (await pins.problemOf(pool.binary)) ?? (await isolation.problemOf(pool.binary.name));
    if (problem !== undefined) pool.foresee(problem);
  }

  #serve(pool: Pool): void {
    this.#pools.set(pool.binary.name, pool);
    pool.keepWarm();
  }

  #replace(old: Pool, binary: Binary): void {
    const { name, version } = binary;
    if (this.#replacing.has(name) || this.#refused.get(name) === version) return;
    // Nobody has seen the old one work.
    if (old.description === undefined) {
      this.#serve(this.#createPool(binary));
      this.#retire(old);
      return;
    }
    const replacing = this.#tryOut(old, binary).finally(() => {
      this.#replacing.delete(name);
      // The file may have changed once more.
      if (!this.#stop.signal.aborted) this.#watcher.lookSoon();
    });
    this.#replacing.set(name, replacing);
  }

  async #tryOut(old: Pool, binary: Binary): Promise<void> {
    const { logger } = this.#options;
    const candidate = this.#createPool(binary);
    try {
      const { version } = await candidate.describe(this.#stop.signal);
      if (this.#pools.get(binary.name) !== old) {
        await candidate[Symbol.asyncDispose]();
        return;
      }
      this.#serve(candidate);
      this.#retire(old);
      this.#refused.delete(binary.name);
      logger.info("executor replaced", { executor: binary.name, path: binary.path, version });
    } catch (error) {
      await candidate[Symbol.asyncDispose]();
      if (this.#stop.signal.aborted) return;
      this.#refused.set(binary.name, binary.version);
      old.remark(
        `the file was replaced by one that does not work, so that the earlier one goes on: ${messageOf(error)}`,
      );
      logger.error("executor not replaced: the new file does not work", {
        executor: binary.name,
        path: binary.path,
        error: messageOf(error),
      });
    }
  }

  /** Let a pool finish what it has. */
  #retire(pool: Pool): void {
    pool.retire();
    this.#retired.add(pool);
    const ending = this.#untilIdle(pool).finally(() => {
      this.#retired.delete(pool);
      this.#ending.delete(ending);
    });
    this.#ending.add(ending);
  }

  async #untilIdle(pool: Pool): Promise<void> {
    await pool.idle();
    await pool[Symbol.asyncDispose]();
  }

  #createPool(binary: Binary): Pool {
    const { pins, isolation, poolLimits: limits, timeouts, logger } = this.#options;
    const { name } = binary;
    return new Pool(binary, {
      limits,
      timeouts,
      logger,
      pinnedSha256: pins.of(name),
      isolation: () => isolation.levelsOf(name),
      start: this.#starter.of(binary),
    });
  }
}

function isSame(a: Binary, b: Binary): boolean {
  return a.path === b.path && a.version === b.version;
}
