import { Changes } from "@executor-host/proto/shared/changes";
import { HostError } from "@executor-host/proto/shared/error";
import type { Logger } from "../log/logger.ts";
import type { ExecutorDescription, ExecutorInfo, IsolationLevel, Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import { CrashRecord } from "./crash-record.ts";
import type { ExecutorProcess } from "./executor-process.ts";
import { StartFailures } from "./start-failures.ts";
import { WarmUp } from "./warm-up.ts";
import { Wear, type WearLimits } from "./wear.ts";

/** How many processes an executor gets, and for how long. */
export interface PoolLimits extends WearLimits {
  /** Processes that are kept ready, from the start of the host on. */
  readonly warm: number;
  /** Processes at the same time. */
  readonly maxProcesses: number;
  /** A process without work is stopped after this; 0 means never. */
  readonly idleStopMs: number;
  /** Crashes within a minute from which nothing is started for a while; 0 means never. */
  readonly crashLimit: number;
}

export interface PoolOptions {
  /** Starts one more process. */
  start(): Promise<ExecutorProcess>;
  /** What its file's sum must be; empty when anything will do. */
  readonly pinnedSha256: string;
  /** What its processes are held by, as was last found. */
  isolation(): readonly IsolationLevel[];
  readonly limits: PoolLimits;
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
  /** Names of the jobs that run in it. */
  readonly jobs: string[];
  /** Executions that ignore every request to stop. */
  stubborn: number;
  /** Runs a suspect, and gets nothing beside it. */
  isExclusive: boolean;
  /** Gets no new work and is stopped when it has none. */
  isWorn: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** Who leases. */
interface Tenant {
  readonly job: string;
  /** Tries whether an executor that crashed too often works again. */
  readonly isTrial: boolean;
  readonly isExclusive: boolean;
}

/** Thrown at those who wait in a pool that has been replaced: its successor serves them. */
export class PoolRetiredError extends Error {
  override readonly name = "PoolRetiredError";
}

/** Processes being started at the same time; more would only slow each other down. */
const maxStarts = 4;

/**
 * The processes of one executor.
 *
 * A process is shared only when the executor says that it can cancel one execution without harming the others; every other executor gets a process
 * per execution. Processes are started when needed and kept warm. A job that was running when a process crashed gets one to itself the next time.
 */
export class Pool implements AsyncDisposable {
  readonly binary: Binary;
  readonly #options: PoolOptions;
  readonly #crashes: CrashRecord;
  readonly #members = new Set<Member>();
  readonly #starting = new Set<Promise<void>>();
  readonly #retiring = new Set<Promise<unknown>>();
  readonly #changes = new Changes();
  readonly #failures: StartFailures;
  readonly #wear: Wear;
  readonly #warmUp: WarmUp;
  readonly #regularly: NodeJS.Timeout;
  #waiting = 0;
  #description: ExecutorDescription | undefined;
  #protocolVersion = 0;
  #remark = "";
  #state: "serving" | "retired" | "closed" = "serving";

  constructor(binary: Binary, options: PoolOptions) {
    this.binary = binary;
    this.#options = options;
    const { limits, timeouts } = options;
    const backoff = { firstMs: timeouts.restartBackoffMs, maxMs: timeouts.restartBackoffMaxMs };
    this.#crashes = new CrashRecord(binary.name, {
      limit: limits.crashLimit,
      windowMs: timeouts.crashWindowMs,
      pauseMs: timeouts.crashPauseMs,
      maxPauseMs: timeouts.crashPauseMaxMs,
      restart: backoff,
    });
    this.#failures = new StartFailures(binary.name, backoff);
    this.#warmUp = new WarmUp({
      missing: () => {
        const wanted = this.#state === "serving" && this.#crashes.problem === "" ? limits.warm : 0;
        return Math.min(wanted - this.#usable - this.#starting.size, this.#room);
      },
      waitMs: () => Math.max(this.#failures.waitMs, this.#crashes.restartWaitMs),
      begin: () => this.#begin(),
    });
    this.#wear = new Wear(limits);
    this.#regularly = setInterval(() => this.#lookForWear(), timeouts.wearIntervalMs);
    this.#regularly.unref();
  }

  get info(): ExecutorInfo {
    const processes = [...this.#members].map((member) => member.process.info);
    const closed = this.#crashes.problem;
    const failure = this.#failures.problem;
    const state =
      closed !== ""
        ? "FAILED"
        : processes.length > 0
          ? "READY"
          : this.#starting.size > 0
            ? "STARTING"
            : failure === ""
              ? "IDLE"
              : "FAILED";
    return {
      name: this.binary.name,
      path: this.binary.path,
      state,
      reason: state === "FAILED" ? closed || failure : this.#remark,
      description: this.#description,
      protocolVersion: this.#protocolVersion,
      processes,
      crashes: this.#crashes.count,
      lastCrash: this.#crashes.last,
      pinnedSha256: this.#options.pinnedSha256,
      isolation: this.#options.isolation(),
    };
  }

  /** A process has been started, whatever became of it. */
  get hasStarted(): boolean {
    return this.#description !== undefined;
  }

  /** Something to be told with the executor though it works. */
  remark(text: string): void {
    this.#remark = text;
  }

  /** Have as many processes ready as shall be. Whether that works is seen in `info`. */
  keepWarm(): void {
    this.#warmUp.look();
  }

  /** It is clear that its file may not be started: told in `info` before anybody asks for a start. */
  foresee(problem: HostError): void {
    if (!this.hasStarted) this.#failures.foresee(problem);
  }

  /** What the executor says of itself; starts it if nobody has asked yet. */
  async describe(signal: AbortSignal): Promise<ExecutorDescription> {
    while (this.#description === undefined) await this.#untilMore(signal);
    return this.#description;
  }

  /**
   * Wait for a place in a process, starting one if need be.
   *
   * @param job name of the job, for telling whose doing a crash is; empty if it has none
   * @throws {HostError} why the executor cannot be started, or why it is not for now
   * @throws `signal.reason`; a start under way goes on for others
   * @throws {PoolRetiredError}
   */
  async lease(signal: AbortSignal, job = ""): Promise<Lease> {
    const isTrial = this.#crashes.enter();
    try {
      const isSuspect = this.#crashes.suspicionOf(job) > 0;
      for (;;) {
        signal.throwIfAborted();
        const member = this.#free(isSuspect);
        if (member !== undefined) return this.#leaseOf(member, { job, isTrial, isExclusive: isSuspect });
        await this.#untilMore(signal);
      }
    } catch (error) {
      this.#crashes.gaveUp(isTrial);
      throw error;
    }
  }

  /** Take nothing new: a successor does. What runs may finish. */
  retire(): void {
    if (this.#state === "serving") this.#state = "retired";
    this.#warmUp[Symbol.dispose]();
    for (const member of this.#members) this.#wearOut(member);
    this.#changes.notify();
  }

  /** Resolves when nothing runs in it any more, and nothing is being started. */
  async idle(): Promise<void> {
    while (this.#starting.size > 0 || [...this.#members].some(({ process }) => process.active > 0)) {
      await this.#changes.next();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#warmUp[Symbol.dispose]();
    clearInterval(this.#regularly);
    this.#changes.notify();
    await Promise.allSettled(this.#starting); // reported to whoever waited for them
    await Promise.all([...this.#members].map((member) => this.#stop(member)));
    await Promise.all(this.#retiring);
  }

  get #usable(): number {
    return [...this.#members].filter(({ isWorn, stubborn }) => !isWorn && stubborn === 0).length;
  }

  /** Processes that may be there beside those that are. */
  get #room(): number {
    return this.#options.limits.maxProcesses - this.#members.size - this.#starting.size;
  }

  #free(isAlone: boolean): Member | undefined {
    for (const member of this.#members) {
      const { process, stubborn, isExclusive, isWorn } = member;
      const { capabilities } = process.link.description;
      const shared = capabilities.cancel ? capabilities.maxConcurrentExecutions || Number.POSITIVE_INFINITY : 1;
      const places = isAlone ? 1 : shared;
      if (!isWorn && !isExclusive && stubborn === 0 && !process.hasExited && process.active < places) return member;
    }
    return undefined;
  }

  #leaseOf(member: Member, { job, isTrial, isExclusive }: Tenant): Lease {
    clearTimeout(member.idle);
    member.process.enter();
    member.isExclusive = isExclusive;
    member.jobs.push(job);
    let released = false;
    return {
      process: member.process,
      release: () => {
        if (released) return;
        released = true;
        member.isExclusive = false;
        member.jobs.splice(member.jobs.indexOf(job), 1);
        if (!member.process.hasExited) this.#crashes.left(job, isTrial);
        this.#left(member);
      },
      quarantine: () => this.#quarantine(member),
    };
  }

  #left(member: Member): void {
    const { process } = member;
    process.leave();
    if (this.#wear.isSpent(process)) member.isWorn = true;
    if (process.active === 0) this.#becameIdle(member);
    this.#changes.notify();
  }

  #becameIdle(member: Member): void {
    if (member.stubborn > 0 || this.#state === "closed") return;
    if (member.isWorn) {
      void this.#stop(member);
      this.keepWarm();
      return;
    }
    const { idleStopMs } = this.#options.limits;
    if (idleStopMs === 0) return;
    member.idle = setTimeout(() => {
      if (this.#usable > this.#options.limits.warm) void this.#stop(member);
    }, idleStopMs);
    member.idle.unref();
  }

  #lookForWear(): void {
    for (const member of [...this.#members].filter(({ isWorn }) => !isWorn)) {
      const reason = this.#wear.reasonToReplace(member.process);
      if (reason === undefined) continue;
      this.#options.logger.info("executor process is replaced", {
        executor: this.binary.name,
        pid: member.process.pid,
        reason,
      });
      this.#wearOut(member);
    }
    this.keepWarm();
  }

  #wearOut(member: Member): void {
    member.isWorn = true;
    if (member.process.active === 0) void this.#stop(member);
  }

  /** Take a process out of service in order. */
  async #stop(member: Member): Promise<void> {
    clearTimeout(member.idle);
    this.#members.delete(member);
    const ending = member.process.stop();
    this.#retiring.add(ending);
    await ending;
    this.#retiring.delete(ending);
    this.#changes.notify();
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
    const deadline = performance.now() + timeouts.quarantineMs;
    while (
      process.active > member.stubborn &&
      performance.now() < deadline &&
      !process.hasExited &&
      (await process.isAlive())
    ) {
      await new Promise((resolve) => setTimeout(resolve, timeouts.sweepIntervalMs));
    }
    return (await process.kill()).survivors;
  }

  /** Wait until there may be a place: a process more, or one that became free. A caller whose signal aborts leaves; a start goes on. */
  async #untilMore(signal: AbortSignal): Promise<void> {
    if (this.#state === "closed") throw new HostError("HOST_DRAINING", "the host is stopping");
    if (this.#state === "retired") throw new PoolRetiredError();
    this.#waiting += 1;
    try {
      const change = this.#changes.next(signal);
      const isShared = this.#description?.capabilities.cancel ?? true;
      const wanted = Math.min(isShared ? 1 : this.#waiting, maxStarts);
      // One that waits for a failed start is told of it, whoever asked for that start.
      if (this.#starting.size < wanted && this.#room > 0) this.#begin();
      await Promise.race([change, ...this.#starting]);
    } finally {
      this.#waiting -= 1;
    }
  }

  #begin(): void {
    const starting = this.#start();
    this.#starting.add(starting);
    // A failure is told to those who wait for this start, and in `info`.
    const settled = () => {
      this.#starting.delete(starting);
      this.#changes.notify();
      this.keepWarm();
    };
    starting.then(settled, settled);
  }

  async #start(): Promise<void> {
    this.#failures.assertNotTooEarly();
    let process: ExecutorProcess;
    try {
      process = await this.#options.start();
    } catch (error) {
      const failure = this.#failures.failed(error);
      this.#options.logger.error(failure.message, { hint: failure.hint, path: this.binary.path });
      throw failure;
    }
    this.#failures.succeeded();
    this.#description = process.link.description;
    this.#protocolVersion = process.link.protocolVersion;
    const member: Member = {
      process,
      jobs: [],
      stubborn: 0,
      isExclusive: false,
      isWorn: this.#state !== "serving",
      idle: undefined,
    };
    this.#members.add(member);
    this.#options.logger.info("executor started", {
      executor: this.binary.name,
      pid: process.pid,
      version: process.link.description.version,
    });
    void this.#watch(member);
    this.#becameIdle(member);
  }

  async #watch(member: Member): Promise<void> {
    const exit = await member.process.exited;
    clearTimeout(member.idle);
    this.#members.delete(member);
    const ending = member.process.ended;
    this.#retiring.add(ending);
    if (!exit.expected || member.process.isUnresponsive) {
      this.#crashes.crashed(`process ${member.process.pid} ${member.process.describeEnd(exit)}`, [...member.jobs]);
      this.#options.logger.error("executor crashed", { executor: this.binary.name, detail: this.#crashes.last });
    }
    this.#changes.notify();
    this.keepWarm();
    const { survivors } = await ending;
    this.#retiring.delete(ending);
    if (survivors.length > 0) {
      this.#options.logger.error("processes of an executor could not be killed", {
        executor: this.binary.name,
        survivors,
      });
    }
  }
}
