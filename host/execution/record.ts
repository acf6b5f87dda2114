import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@executor-host/proto/shared/error";
import { EventLog } from "../journal/event-log.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../log/logger.ts";
import type { Attempt, Execution, ExecutionSpec, Result, State } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import { EventRecorder } from "./event-recorder.ts";
import type { LimitsInForce } from "./limits-in-force.ts";

export interface RecordOptions {
  readonly number: number;
  readonly digest: string;
  /** As the journal may hold it: secrets masked. */
  readonly maskedSpec: ExecutionSpec;
  readonly limits: LimitsInForce;
  readonly resumable: boolean;
  /** What an earlier host has left of it. */
  readonly earlier?: Execution;
  readonly journal: Journal;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** All that is known of one execution: its state, its attempts and its result, each change an event of its log, and all of it in the journal. */
export class ExecutionRecord {
  readonly log: EventLog;
  readonly events: EventRecorder;
  readonly acceptedMs: number;
  readonly #options: RecordOptions;
  readonly #attempts: Attempt[];
  #state: State = "QUEUED";
  #stateReason = "";
  #finishedMs: number | undefined;
  #result: Result | undefined;
  /** The journal could not take the last change. */
  #isBehind = false;

  constructor(options: RecordOptions) {
    const { earlier, journal, number, limits } = options;
    this.#options = options;
    this.acceptedMs = earlier?.acceptedMs ?? Date.now();
    this.#attempts = [...(earlier?.attempts ?? [])];
    this.log = new EventLog({
      path: journal.logPath(number),
      maxBytes: limits.values.maxOutputBytes,
      save: () => this.save().catch((error: unknown) => this.#notSaved(error)),
    });
    this.events = new EventRecorder(this.log);
  }

  get state(): State {
    return this.#state;
  }

  /** Oldest first. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  get result(): Result | undefined {
    return this.#result;
  }

  snapshot(): Execution {
    const { maskedSpec, limits, resumable } = this.#options;
    const { stdoutBytes, stderrBytes, dropped, lost } = this.log;
    return {
      spec: maskedSpec,
      state: this.#state,
      stateReason: this.#stateReason,
      acceptedMs: this.acceptedMs,
      finishedMs: this.#finishedMs,
      attempts: this.#attempts,
      result: this.#result,
      lastSequence: this.events.lastSequence,
      output: {
        stdoutBytes,
        stderrBytes,
        droppedBytes: (dropped?.stdoutBytes ?? 0) + (dropped?.stderrBytes ?? 0) + (lost?.bytes ?? 0),
      },
      limits: limits.values,
      resumable,
    };
  }

  enter(state: State, reason: string): void {
    this.#state = state;
    this.#stateReason = reason;
    this.events.state(state, reason);
  }

  /** Its events belong to a new attempt from now on. @param resumes it looks for the work of the one before */
  beginAttempt(resumes: boolean): void {
    const number = this.#attempts.length + 1;
    this.#attempts.push({ number, startingMs: Date.now(), executorPid: 0, executorVersion: "", resumes });
    this.events.attempt = number;
  }

  /** Note something of the newest attempt. */
  updateAttempt(parts: Partial<Attempt>): void {
    const last = this.#attempts.pop();
    if (last !== undefined) this.#attempts.push({ ...last, ...parts });
  }

  /** The newest attempt is over. */
  endAttempt(result: Result): void {
    this.updateAttempt({ finishedMs: Date.now(), result });
  }

  /** Put it into the journal, with all that is known so far. @throws {HostError} `JOURNAL_FAILED` */
  async insert(): Promise<void> {
    const { journal, number, digest } = this.#options;
    await journal.insert({ number, digest, execution: this.snapshot() }, this.log.parts);
    this.events.isAccepted = true;
  }

  /** Go on in the log that an earlier host has left. @throws {Error} when that cannot be gone on with */
  async reopen(): Promise<void> {
    const { journal, maskedSpec } = this.#options;
    await journal.continueLog(maskedSpec.id, this.log);
    this.events.resume(this.log.lastSequence, this.#attempts.length);
  }

  /** Bring the journal up to date. @throws {HostError} `JOURNAL_FAILED` */
  async save(): Promise<void> {
    const { journal, number } = this.#options;
    await journal.update(number, () => ({ execution: this.snapshot(), log: this.log.parts }));
    this.#isBehind = false;
  }

  /** The same where nothing depends on it: a failure is logged. @returns whether it worked */
  async trySave(): Promise<boolean> {
    try {
      await this.save();
      return true;
    } catch (error) {
      this.#notSaved(error);
      return false;
    }
  }

  /**
   * Give it its result, which is journaled first and shown then. A journal that cannot take it delays that only for a while, and gets it later.
   *
   * @param onShown called when watchers see it
   * @returns when the journal knows it, or never will
   */
  async conclude(ending: Result, onShown: () => void): Promise<void> {
    await this.log.flush();
    const { lost } = this.log;
    const warnings =
      lost === undefined
        ? ending.warnings
        : [...ending.warnings, `${lost.bytes} bytes of output could not be journaled: ${lost.cause.message}`];
    this.#result = { ...ending, warnings };
    this.#state = "FINISHED";
    this.#stateReason = "";
    this.#finishedMs = Date.now();
    this.events.result(this.#result);
    await this.log.flush();
    const { journal, timeouts } = this.#options;
    const deadline = Date.now() + timeouts.journalRetryMs;
    for (let saved = false, shown = false; !shown || !(saved || journal.isClosed);) {
      saved ||= await this.trySave();
      if (!shown && (saved || journal.isClosed || Date.now() > deadline)) {
        shown = true;
        await this.log.finish();
        onShown();
      }
      if (!saved) await sleep(timeouts.journalRetryIntervalMs, undefined, { ref: false });
    }
  }

  /** Said once, however often it is tried. */
  #notSaved(error: unknown): void {
    if (this.#isBehind) return;
    this.#isBehind = true;
    const execution = this.#options.maskedSpec.id;
    this.#options.logger.error("execution could not be journaled", { execution, error: messageOf(error) });
  }
}
