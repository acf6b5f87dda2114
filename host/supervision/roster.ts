import type { PluginExit } from "@executor-host/goplugin/client";
import type { Logger } from "../log/logger.ts";
import type { ExecutorProcessInfo, Survivor } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type { ExecutorProcess } from "./executor-process.ts";
import { Member } from "./member.ts";
import { quarantine } from "./quarantine.ts";
import { Wear, type WearLimits } from "./wear.ts";

export interface RosterLimits extends WearLimits {
  /** Processes that stay though nothing runs in them. */
  readonly warm: number;
  /** A process without work is stopped after this; 0 means never. */
  readonly idleStopMs: number;
}

export interface RosterOptions {
  readonly limits: RosterLimits;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
  /** There may be a place in a process, or for one more. */
  onChange(): void;
  /** A process has ended, asked to or not. */
  onExit(member: Member, exit: PluginExit): void;
}

/** The processes of one executor that are in service, and their way out of it: without work for long, worn, stubborn or dead. */
export class Roster implements AsyncDisposable {
  readonly #options: RosterOptions;
  readonly #wear: Wear;
  readonly #members = new Set<Member>();
  /** Of those on their way out. */
  readonly #endings = new Set<Promise<unknown>>();
  readonly #regularly: NodeJS.Timeout;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#wear = new Wear(options.limits);
    this.#regularly = setInterval(() => this.#lookForWear(), options.timeouts.wearIntervalMs);
    this.#regularly.unref();
  }

  get size(): number {
    return this.#members.size;
  }

  /** Those that may get new work. */
  get usable(): number {
    return [...this.#members].filter(({ isUsable }) => isUsable).length;
  }

  get isBusy(): boolean {
    return [...this.#members].some(({ process }) => process.active > 0);
  }

  get info(): readonly ExecutorProcessInfo[] {
    return [...this.#members].map(({ process }) => process.info);
  }

  /** One with a place. @param isAlone for one that may have no neighbours */
  find(isAlone: boolean): Member | undefined {
    return [...this.#members].find((member) => member.hasPlace(isAlone));
  }

  /** @param isWorn it is not wanted any more */
  add(process: ExecutorProcess, isWorn: boolean): void {
    const member = new Member(process, isWorn);
    this.#members.add(member);
    this.#options.logger.info("executor started", {
      pid: process.pid,
      version: process.link.description.version,
    });
    void this.#watch(member);
    this.#settle(member);
  }

  leave(member: Member, job: string): void {
    member.leave(job);
    if (this.#wear.isSpent(member.process)) member.isWorn = true;
    this.#settle(member);
    this.#options.onChange();
  }

  quarantine(member: Member): Promise<readonly Survivor[]> {
    return quarantine(member, this.#options);
  }

  /** None gets new work; each ends when it has none. */
  retire(): void {
    for (const member of this.#members) this.#wearOut(member);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#regularly);
    for (const member of this.#members) this.#stop(member);
    await Promise.all(this.#endings);
  }

  /** See what becomes of one that may have no work now. */
  #settle(member: Member): void {
    if (member.process.active > 0 || member.stubborn > 0 || !this.#members.has(member)) return;
    if (member.isWorn) return this.#stop(member);
    const { idleStopMs, warm } = this.#options.limits;
    if (idleStopMs === 0) return;
    member.idle = setTimeout(() => {
      if (this.usable > warm) this.#stop(member);
    }, idleStopMs);
    member.idle.unref();
  }

  #lookForWear(): void {
    for (const member of [...this.#members].filter(({ isWorn }) => !isWorn)) {
      const reason = this.#wear.reasonToReplace(member.process);
      if (reason === undefined) continue;
      this.#options.logger.info("executor process is replaced", {
        pid: member.process.pid,
        reason,
      });
      this.#wearOut(member);
    }
    this.#options.onChange();
  }

  #wearOut(member: Member): void {
    member.isWorn = true;
    if (member.process.active === 0) this.#stop(member);
  }

  /** Take a process out of service in order. */
  #stop(member: Member): void {
    clearTimeout(member.idle);
    this.#members.delete(member);
    void this.#track(member.process.stop());
    this.#options.onChange();
  }

  async #watch(member: Member): Promise<void> {
    const { process } = member;
    const exit = await process.exited;
    clearTimeout(member.idle);
    this.#members.delete(member);
    const ending = this.#track(process.ended);
    this.#options.onExit(member, exit);
    const { survivors } = await ending;
    if (survivors.length === 0) return;
    this.#options.logger.error("processes of an executor could not be killed", {
      survivors,
    });
  }

  async #track<T>(ending: Promise<T>): Promise<T> {
    this.#endings.add(ending);
    try {
      return await ending;
    } finally {
      this.#endings.delete(ending);
      this.#options.onChange();
    }
  }
}
