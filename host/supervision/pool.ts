import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { Logger } from "../log/logger.ts";
import type { ExecutorDescription, ExecutorInfo, Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import { describeExit, type ExecutorProcess } from "./executor-process.ts";

export interface PoolOptions {
  /** Starts one more process. */
  start(): Promise<ExecutorProcess>;
  /** A process without work is stopped after this; 0 means never. */
  readonly idleStopMs: number;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** The right to run one execution in a process. */
export interface Lease {
  readonly process: ExecutorProcess;
  /** Give the place back. */
  release(): void;
  /**
   * The execution ignores every request to stop. The process gets no new work and is killed: at once if it does not answer at all,
   * otherwise when its other executions are done or have had their time.
   *
   * @returns what could not be killed, when all else is gone
   */
  quarantine(): Promise<readonly Survivor[]>;
}

interface Member {
  readonly process: ExecutorProcess;
  /** Executions that ignore every request to stop. */
  stubborn: number;
  idle: NodeJS.Timeout | undefined;
}

interface StartFailure {
  readonly error: HostError;
  readonly untilMs: number;
  readonly count: number;
}

/**
 * The processes of one executor.
 *
 * A process is shared only when the executor says that it can cancel one execution without harming the others; every other executor gets a process
 * per execution. Processes are started when needed and kept warm.
 */
export class Pool implements AsyncDisposable {
  readonly binary: Binary;
  readonly #options: PoolOptions;
  readonly #members = new Set<Member>();
  readonly #retiring = new Set<Promise<unknown>>();
  #description: ExecutorDescription | undefined;
  #protocolVersion = 0;
  #starting: Promise<void> | undefined;
  #failure: StartFailure | undefined;
  #crashes = 0;
  #lastCrash = "";
  #closed = false;

  constructor(binary: Binary, options: PoolOptions) {
    this.binary = binary;
    this.#options = options;
  }

  get info(): ExecutorInfo {
    const processes = [...this.#members].map((member) => member.process.info);
    const state =
      processes.length > 0
        ? "READY"
        : this.#starting !== undefined
          ? "STARTING"
          : this.#failure !== undefined
            ? "FAILED"
            : "IDLE";
    return {
      name: this.binary.name,
      path: this.binary.path,
      state,
      reason: state === "FAILED" ? (this.#failure?.error.message ?? "") : "",
      description: this.#description,
      protocolVersion: this.#protocolVersion,
      processes,
      crashes: this.#crashes,
      lastCrash: this.#lastCrash,
    };
  }

  /** An execution is running, or a process is being started for one. */
  get busy(): boolean {
    return this.#starting !== undefined || [...this.#members].some((member) => member.process.active > 0);
  }

  /** What the executor says of itself; starts it if nobody has asked yet. */
  async describe(signal: AbortSignal): Promise<ExecutorDescription> {
    while (this.#description === undefined) await this.#startOne(signal);
    return this.#description;
  }

  /**
   * Wait for a place in a process, starting one if need be.
   *
   * @throws {HostError} why the executor cannot be started
   * @throws `signal.reason`; a start under way goes on for others
   */
  async lease(signal: AbortSignal): Promise<Lease> {
    for (;;) {
      signal.throwIfAborted();
      const member = this.#free();
      if (member !== undefined) return this.#leaseOf(member);
      await this.#startOne(signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => undefined); // reported to whoever waited for it
    await Promise.all([...this.#members].map((member) => this.#retire(member)));
    await Promise.all(this.#retiring);
  }

  #free(): Member | undefined {
    for (const member of this.#members) {
      const { capabilities } = member.process.link.description;
      const shared = capabilities.cancel ? capabilities.maxConcurrentExecutions || Number.POSITIVE_INFINITY : 1;
      if (member.stubborn === 0 && !member.process.hasExited && member.process.active < shared) return member;
    }
    return undefined;
  }

  #leaseOf(member: Member): Lease {
    clearTimeout(member.idle);
    member.process.enter();
    let released = false;
    return {
      process: member.process,
      release: () => {
        if (released) return;
        released = true;
        member.process.leave();
        if (member.process.active === 0) this.#becameIdle(member);
      },
      quarantine: () => this.#quarantine(member),
    };
  }

  #becameIdle(member: Member): void {
    if (this.#options.idleStopMs === 0 || member.stubborn > 0 || this.#closed) return;
    member.idle = setTimeout(() => void this.#retire(member), this.#options.idleStopMs);
    member.idle.unref();
  }

  /** Take a process out of service in order. */
  async #retire(member: Member): Promise<void> {
    clearTimeout(member.idle);
    this.#members.delete(member);
    const ending = member.process.stop();
    this.#retiring.add(ending);
    await ending;
    this.#retiring.delete(ending);
  }

  async #quarantine(member: Member): Promise<readonly Survivor[]> {
    member.stubborn += 1;
    const { process } = member;
    const { timeouts, logger } = this.#options;
    logger.warn("executor process is quarantined: it ignores a cancel", {
      executor: this.binary.name,
      pid: process.pid,
      neighbours: process.active - member.stubborn,
    });
    const deadline = Date.now() + timeouts.quarantineMs;
    while (
      process.active > member.stubborn &&
      Date.now() < deadline &&
      !process.hasExited &&
      (await process.isAlive())
    ) {
      await new Promise((resolve) => setTimeout(resolve, timeouts.sweepIntervalMs));
    }
    return (await process.kill()).survivors;
  }

  /** One start at a time; a caller whose signal aborts leaves, the start goes on. */
  async #startOne(signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new HostError("HOST_DRAINING", "the host is stopping");
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    const starting = this.#starting;
    starting.catch(() => undefined); // a caller that left does not hear of it
    await untilAborted(starting, signal);
  }

  async #start(): Promise<void> {
    const failure = this.#failure;
    if (failure !== undefined && Date.now() < failure.untilMs) {
      throw new HostError("EXECUTOR_UNUSABLE", failure.error.message, {
        hint: failure.error.hint,
        cause: failure.error,
        retryable: true,
        retryAfterMs: failure.untilMs - Date.now(),
      });
    }
    let process: ExecutorProcess;
    try {
      process = await this.#options.start();
    } catch (error) {
      throw this.#startFailed(error);
    }
    this.#failure = undefined;
    this.#description = process.link.description;
    this.#protocolVersion = process.link.protocolVersion;
    const member: Member = { process, stubborn: 0, idle: undefined };
    this.#members.add(member);
    this.#becameIdle(member);
    this.#options.logger.info("executor started", {
      executor: this.binary.name,
      pid: process.pid,
      version: process.link.description.version,
    });
    void this.#watch(member);
  }

  async #watch(member: Member): Promise<void> {
    const exit = await member.process.exited;
    clearTimeout(member.idle);
    this.#members.delete(member);
    const ending = member.process.ended;
    this.#retiring.add(ending);
    if (!exit.expected) {
      this.#crashes += 1;
      this.#lastCrash = `${new Date(exit.at).toISOString()}: process ${member.process.pid} ${describeExit(exit)}`;
      this.#options.logger.error("executor crashed", { executor: this.binary.name, detail: this.#lastCrash });
    }
    const { survivors } = await ending;
    this.#retiring.delete(ending);
    if (survivors.length > 0) {
      this.#options.logger.error("processes of an executor could not be killed", {
        executor: this.binary.name,
        survivors,
      });
    }
  }

  #startFailed(error: unknown): HostError {
    const { timeouts, logger } = this.#options;
    const cause = isHostError(error) ? error : new HostError("EXECUTOR_UNUSABLE", messageOf(error), { cause: error });
    const count = (this.#failure?.count ?? 0) + 1;
    const backoffMs = Math.min(timeouts.restartBackoffMaxMs, timeouts.restartBackoffMs * 2 ** (count - 1));
    const message = `executor "${this.binary.name}" cannot be started: ${cause.message}`;
    const failure = new HostError("EXECUTOR_UNUSABLE", message, { hint: cause.hint, cause });
    this.#failure = { error: failure, untilMs: Date.now() + backoffMs * (0.5 + Math.random() / 2), count };
    logger.error(message, { hint: cause.hint, path: this.binary.path });
    return failure;
  }
}

function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason as Error);
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
