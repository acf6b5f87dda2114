import { Changes } from "@executor-host/proto/shared/changes";
import { HostError } from "@executor-host/proto/shared/error";
import type { PluginExit } from "@executor-host/goplugin/client";
import type { Logger } from "../log/logger.ts";
import type { ExecutorDescription, ExecutorInfo, IsolationLevel, Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { Binary } from "./catalog.ts";
import { CrashRecord } from "./crash-record.ts";
import type { ExecutorProcess } from "./executor-process.ts";
import type { Member } from "./member.ts";
import { Roster, type RosterLimits } from "./roster.ts";
import { Starts } from "./starts.ts";
import { WarmUp } from "./warm-up.ts";

/** How many processes an executor gets, and for how long. */
export interface PoolLimits extends RosterLimits {
  /** Processes at the same time. */
  readonly maxProcesses: number;
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

/** Thrown at those who wait in a pool that has been replaced: its successor serves them. */
export class PoolRetiredError extends Error {
  override readonly name = "PoolRetiredError";
}

/** Processes being started at the same time; more would only slow each other down. */
const maxStarts = 4;

/**
 * The processes of one executor, as places for executions.
 *
 * A process is shared only when the executor says that it can cancel one execution without harming the others; every other executor gets a process
 * per execution. Processes are started when needed and kept warm. A job that was running when a process crashed gets one to itself the next time.
 */
export class Pool implements AsyncDisposable {
  readonly binary: Binary;
  readonly #options: PoolOptions;
  readonly #log: Logger;
  readonly #crashes: CrashRecord;
  readonly #starts: Starts;
  readonly #roster: Roster;
  readonly #warmUp: WarmUp;
  readonly #changes = new Changes();
  #waiting = 0;
  #description: ExecutorDescription | undefined;
  #protocolVersion = 0;
  #remark = "";
  #state: "serving" | "retired" | "closed" = "serving";

  constructor(binary: Binary, options: PoolOptions) {
    this.binary = binary;
    this.#options = options;
    const { limits, timeouts } = options;
    const logger = options.logger.child({ executor: binary.name });
    this.#log = logger;
    const backoff = { firstMs: timeouts.restartBackoffMs, maxMs: timeouts.restartBackoffMaxMs };
    this.#crashes = new CrashRecord(binary.name, {
      limit: limits.crashLimit,
      windowMs: timeouts.crashWindowMs,
      pauseMs: timeouts.crashPauseMs,
      maxPauseMs: timeouts.crashPauseMaxMs,
      restart: backoff,
    });
    const onChange = () => this.#changed();
    this.#starts = new Starts(binary, {
      start: options.start,
      backoff,
      logger,
      onStarted: (process) => this.#started(process),
      onSettled: onChange,
    });
    this.#roster = new Roster({
      limits,
      timeouts,
      logger,
      onChange,
      onExit: (member, exit) => this.#exited(member, exit),
    });
    this.#warmUp = new WarmUp({
      missing: () => {
        const wanted = this.#state === "serving" && this.#crashes.problem === "" ? limits.warm : 0;
        return Math.min(wanted - this.#roster.usable - this.#starts.count, this.#room);
      },
      waitMs: () => Math.max(this.#starts.waitMs, this.#crashes.restartWaitMs),
      begin: () => this.#starts.begin(),
    });
  }

  get info(): ExecutorInfo {
    const processes = this.#roster.info;
    const problem = this.#crashes.problem || (this.#hasProcesses ? "" : this.#starts.problem);
    const state = problem !== "" ? "FAILED" : processes.length > 0 ? "READY" : this.#hasProcesses ? "STARTING" : "IDLE";
    return {
      name: this.binary.name,
      path: this.binary.path,
      state,
      reason: problem || this.#remark,
      description: this.#description,
      protocolVersion: this.#protocolVersion,
      processes,
      crashes: this.#crashes.count,
      lastCrash: this.#crashes.last,
      pinnedSha256: this.#options.pinnedSha256,
      isolation: this.#options.isolation(),
    };
  }

  /** What the executor says of itself; undefined until a process has been started, whatever became of it. */
  get description(): ExecutorDescription | undefined {
    return this.#description;
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
    if (this.#description === undefined) this.#starts.foresee(problem);
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
        const member = this.#roster.find(isSuspect);
        if (member === undefined) {
          await this.#untilMore(signal);
          continue;
        }
        member.enter(job, isSuspect);
        return this.#leaseOf(member, job, isTrial);
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
    this.#roster.retire();
    this.#changes.notify();
  }

  /** Resolves when nothing runs in it any more, and nothing is being started. */
  async idle(): Promise<void> {
    while (this.#starts.count > 0 || this.#roster.isBusy) await this.#changes.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#warmUp[Symbol.dispose]();
    this.#changes.notify();
    await this.#starts.settled();
    await this.#roster[Symbol.asyncDispose]();
  }

  /** Those being started count. */
  get #hasProcesses(): boolean {
    return this.#roster.size + this.#starts.count > 0;
  }

  /** Processes that may be there beside those that are. */
  get #room(): number {
    return this.#options.limits.maxProcesses - this.#roster.size - this.#starts.count;
  }

  #leaseOf(member: Member, job: string, isTrial: boolean): Lease {
    let released = false;
    return {
      process: member.process,
      release: () => {
        if (released) return;
        released = true;
        if (!member.process.hasExited) this.#crashes.left(job, isTrial);
        this.#roster.leave(member, job);
      },
      quarantine: () => this.#roster.quarantine(member),
    };
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
      if (this.#starts.count < wanted && this.#room > 0) this.#starts.begin();
      // One that waits for a failed start is told of it, whoever asked for that start.
      await Promise.race([change, ...this.#starts.underWay]);
    } finally {
      this.#waiting -= 1;
    }
  }

  #started(process: ExecutorProcess): void {
    this.#description = process.link.description;
    this.#protocolVersion = process.link.protocolVersion;
    this.#roster.add(process, this.#state !== "serving");
  }

  #exited({ process, jobs }: Member, exit: PluginExit): void {
    if (!exit.expected || process.isUnresponsive) {
      this.#crashes.crashed(`process ${process.pid} ${process.describeEnd(exit)}`, [...jobs]);
      this.#log.error("executor crashed", { detail: this.#crashes.last });
    }
    this.#changed();
  }

  #changed(): void {
    this.#changes.notify();
    this.keepWarm();
  }
}
