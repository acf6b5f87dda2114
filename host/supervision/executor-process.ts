import type { PluginExit, PluginProcess, StopOptions } from "@executor-host/goplugin/client";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { Logger } from "../log/logger.ts";
import type { ExecutorProcessInfo, Survivor } from "../model/model.ts";
import { formatExactBytes } from "../settings/bytes.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import type { ProcessGroup } from "./containment.ts";
import { describeExit, isKilled } from "./describe-exit.ts";
import { HealthWatch } from "./health-watch.ts";
import { launchExecutor, type Launched, type LaunchOptions } from "./launch-executor.ts";
import type { ExecutorLink } from "./link.ts";

/** How an executor process ended, with what it left behind. */
export interface ProcessEnd {
  readonly exit: PluginExit;
  /** Started by the executor, and impossible to kill. */
  readonly survivors: readonly Survivor[];
}

/** What it took to end a process. */
export interface Ending {
  readonly steps: PluginExit["steps"];
  /** What could not be killed; the process itself, if that is it. */
  readonly survivors: readonly Survivor[];
}

/** One running executor. */
export class ExecutorProcess implements AsyncDisposable {
  readonly link: ExecutorLink;
  /** Processes from `pid` down to the executor's own: those of a wrapper that stay. */
  readonly parents: number;
  readonly startedMs = Date.now();
  /** Resolves when the process is gone, and everything it started with it unless it ended in order. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Aborts when the process does not answer and cannot be ended: whoever waits for it need not wait any longer. */
  readonly beyondReach: AbortSignal;
  readonly #health: HealthWatch;
  #isUnresponsive = false;
  #exceededMemoryBytes: number | undefined;
  readonly #plugin: PluginProcess;
  readonly #timeouts: Timeouts;
  readonly #log: Logger;
  #active = 0;
  #finished = 0;

  private constructor(
    { plugin, link }: Launched,
    group: ProcessGroup,
    { timeouts, confined }: LaunchOptions,
    log: Logger,
  ) {
    this.parents = confined.parents;
    this.#plugin = plugin;
    this.#timeouts = timeouts;
    this.#log = log;
    this.link = link;
    const beyondReach = new AbortController();
    this.beyondReach = beyondReach.signal;
    this.#health = new HealthWatch({
      ask: (signal) => this.#ask(signal),
      intervalMs: timeouts.livenessAfterMs,
      limitMs: timeouts.livenessMs,
      onUnresponsive: () => void this.#giveUp(beyondReach),
    });
    void plugin.exited.then(() => this.#health[Symbol.dispose]());
    this.ended = plugin.exited.then(async (exit) => {
      this.#exceededMemoryBytes = group.exceededMemoryBytes();
      const inOrder = exit.expected && !this.#isUnresponsive && this.#active === 0;
      try {
        return { exit, survivors: inOrder ? await group.release() : await group.killAll() };
      } catch (error) {
        log.error("what an executor left behind could not be cleared away", { error: messageOf(error) });
        return { exit, survivors: [] };
      }
    });
  }

  /** @throws {HostError} any failure of the launch, with the process and everything it started gone */
  static async start(
    binary: Binary,
    group: ProcessGroup,
    options: LaunchOptions,
    signal: AbortSignal,
  ): Promise<ExecutorProcess> {
    const launched = await launchExecutor(binary, group, options, signal);
    return new ExecutorProcess(launched, group, options, options.logger.child({ executor: binary.name }));
  }

  get pid(): number {
    return this.#plugin.pid;
  }

  get exited(): Promise<PluginExit> {
    return this.#plugin.exited;
  }

  get hasExited(): boolean {
    return this.#plugin.hasExited;
  }

  /** Executions running in it. */
  get active(): number {
    return this.#active;
  }

  /** Where it can be connected to; undefined when that is no path. */
  get socketPath(): string | undefined {
    const { address } = this.#plugin;
    return address.network === "unix" ? address.path : undefined;
  }

  /** It was found not to answer though it was there, and was killed for that. */
  get isUnresponsive(): boolean {
    return this.#isUnresponsive;
  }

  get info(): ExecutorProcessInfo {
    return {
      pid: this.pid,
      startedMs: this.startedMs,
      activeExecutions: this.#active,
      finishedExecutions: this.#finished,
      lagMs: this.#health.lagMs,
    };
  }

  /** Something came from it. */
  touch(): void {
    this.#health.touch();
  }

  /** It is not expected to answer until the returned function is called: this host does not read what it writes. */
  excuse(): () => void {
    return this.#health.excuse();
  }

  /** One line about its end, if nobody asked for that. */
  describeEnd(exit: PluginExit): string {
    if (this.#isUnresponsive) return "stopped answering and was killed";
    const exceeded = isKilled(exit) ? this.#exceededMemoryBytes : undefined;
    const why = exceeded === undefined ? "" : `reached its memory limit of ${formatExactBytes(exceeded)} and `;
    return why + describeExit(exit);
  }

  enter(): void {
    this.#active += 1;
  }

  leave(): void {
    this.#active -= 1;
    this.#finished += 1;
  }

  /** Does it answer at all? */
  async isAlive(): Promise<boolean> {
    try {
      await this.#plugin.ping({ timeoutMs: this.#timeouts.livenessMs });
      return true;
    } catch {
      return false;
    }
  }

  /** Let it end in order; force after a while. Never rejects. */
  stop(options: StopOptions = { graceMs: this.#timeouts.executorStopMs }): Promise<Ending> {
    return this.#untilEnded(this.#plugin.stop(options));
  }

  /** End it now, with everything it started. Never rejects. */
  kill(): Promise<Ending> {
    return this.#untilEnded(this.#plugin.kill());
  }

  /** Any answer will do. @throws {HostError} when there is none */
  async #ask(signal: AbortSignal): Promise<void> {
    try {
      await this.#plugin.ping({ timeoutMs: Infinity, signal });
    } catch (error) {
      if (!isHostError(error) || error.code === "CONNECT_FAILED" || error.code === "PLUGIN_EXITED") throw error;
    }
  }

  /** It does not answer. Where nobody can end it, those who wait for it are told all the same. */
  async #giveUp(beyondReach: AbortController): Promise<void> {
    if (this.hasExited) return;
    this.#isUnresponsive = true;
    this.#log.error("executor process does not answer and is killed", {
      pid: this.pid,
      unansweredForMs: this.#timeouts.livenessMs,
      executions: this.#active,
    });
    await this.kill();
    if (!this.hasExited) beyondReach.abort();
  }

  async #untilEnded(asked: Promise<PluginExit>): Promise<Ending> {
    try {
      const { steps } = await asked;
      return { steps, survivors: (await this.ended).survivors };
    } catch (error) {
      this.#log.error("an executor's process cannot be ended", { pid: this.pid, error: messageOf(error) });
      return { steps: [], survivors: [{ pid: this.pid, command: this.link.description.name }] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
