import { setTimeout as sleep } from "node:timers/promises";
import { Usage as UsageMessage } from "@executor-host/proto/executor";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { EventFrame } from "@executor-host/proto/shared/frame";
import { EventLog } from "../journal/event-log.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../log/logger.ts";
import { usageFromProto } from "../model/convert.ts";
import {
  makeResult,
  type Attempt,
  type Execution,
  type ExecutionSpec,
  type Result,
  type State,
} from "../model/model.ts";
import { formatDuration, formatElapsed } from "../settings/duration.ts";
import type { Supervisor } from "../supervision/supervisor.ts";
import type { Timeouts } from "../timeouts.ts";
import { lostWithHost } from "./abandoned.ts";
import { slotRequestOf } from "./admission.ts";
import { runAttempt } from "./attempt.ts";
import { EventRecorder } from "./event-recorder.ts";
import { LimitTimer } from "./limit-timer.ts";
import { LimitsInForce, type FullLimits } from "./limits-in-force.ts";
import { isAdrift, numberForExecutor, resumeDelay } from "./resuming.ts";
import { nextAttemptDelay } from "./retry.ts";
import type { Slot, SlotRequest, Slots } from "./slots.ts";
import { StopCause, TimeLimit } from "./stop.ts";
import { ToldDeadline } from "./told-deadline.ts";
import { usageEvents } from "./usage-events.ts";
import { effectOf, verdict } from "./verdict.ts";

export interface RunOptions {
  readonly number: number;
  readonly digest: string;
  readonly spec: ExecutionSpec;
  /** The spec as the journal may hold it: secrets masked. */
  readonly maskedSpec: ExecutionSpec;
  /** With the host's defaults filled in. */
  readonly limits: FullLimits;
  /** Its executor finds the work of an attempt again. */
  readonly resumable: boolean;
  /** What an earlier host has left of it. */
  readonly earlier?: Execution;
  /** Shortest time between two events of usage; 0 means that there are none. */
  readonly usageIntervalMs: number;
  readonly journal: Journal;
  readonly supervisor: Supervisor;
  readonly slots: Slots;
  readonly timeouts: Timeouts;
  readonly logger: Logger;
}

/** The life of one execution, from acceptance to its result. */
export class ExecutionRun {
  /** Resolves when the result is visible to watchers. Never rejects. */
  readonly finished: Promise<void>;
  /** Resolves when the journal knows all that this object knows, or will never know it. Never rejects. */
  readonly settled: Promise<void>;
  readonly log: EventLog;
  readonly #options: RunOptions;
  readonly #slotRequest: SlotRequest;
  readonly #events: EventRecorder;
  readonly #stop = new AbortController();
  readonly #acceptedMs: number;
  /** The same by a clock that nobody sets. */
  readonly #acceptedAt: number;
  readonly #attempts: Attempt[];
  readonly #finished = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  #state: State = "QUEUED";
  #stateReason = "";
  #finishedMs: number | undefined;
  #result: Result | undefined;
  /** The journal could not take the last change. */
  #isBehind = false;
  readonly #limits: LimitsInForce;
  /** Of the call under way. */
  #toldDeadline: ToldDeadline | undefined;
  /** Of the attempt that has not started yet. */
  #startLimit: TimeLimit | undefined;
  /** Work may be going on without anybody. */
  #isAdrift: boolean;
  /** Why it was to stop, if its process has died over that. */
  #abandonedBy: StopCause | undefined;

  constructor(options: RunOptions) {
    const { earlier } = options;
    this.#options = options;
    this.#acceptedMs = earlier?.acceptedMs ?? Date.now();
    this.#acceptedAt = performance.now() - (Date.now() - this.#acceptedMs);
    this.#attempts = [...(earlier?.attempts ?? [])];
    this.#isAdrift = isAdrift(this.#attempts);
    this.#slotRequest = slotRequestOf(options.spec);
    this.#limits = new LimitsInForce(options.limits);
    this.finished = this.#finished.promise;
    this.settled = this.#settled.promise;
    this.log = new EventLog({
      path: options.journal.logPath(options.number),
      maxBytes: options.limits.maxOutputBytes,
      save: () => this.#save().catch((error: unknown) => this.#notSaved(error)),
    });
    this.#events = new EventRecorder(this.log);
  }

  get number(): number {
    return this.#options.number;
  }

  get id(): string {
    return this.#options.spec.id;
  }

  get digest(): string {
    return this.#options.digest;
  }

  /** Nothing of it runs any more; that the journal and watchers know it may take a moment. */
  get hasResult(): boolean {
    return this.#result !== undefined;
  }

  /** A stop is under way; it cannot be taken back. */
  get isStopping(): boolean {
    return this.#stop.signal.aborted || this.#state === "CANCELLING";
  }

  get limits(): FullLimits {
    return this.#limits.values;
  }

  /** As it was accepted. */
  get initialLimits(): FullLimits {
    return this.#options.limits;
  }

  snapshot(): Execution {
    return {
      spec: this.#options.maskedSpec,
      state: this.#state,
      stateReason: this.#stateReason,
      acceptedMs: this.#acceptedMs,
      finishedMs: this.#finishedMs,
      attempts: this.#attempts,
      result: this.#result,
      lastSequence: this.#events.lastSequence,
      output: {
        stdoutBytes: this.log.stdoutBytes,
        stderrBytes: this.log.stderrBytes,
        droppedBytes:
          (this.log.dropped?.stdoutBytes ?? 0) + (this.log.dropped?.stderrBytes ?? 0) + (this.log.lost?.bytes ?? 0),
      },
      limits: this.#limits.values,
      resumable: this.#options.resumable,
    };
  }

  /**
   * Write the execution to the journal and set it going.
   *
   * @returns when it is durable
   * @throws {HostError} `QUEUE_FULL`, `JOURNAL_FAILED`; it is then as if it had never been asked for
   */
  async accept(): Promise<void> {
    const { slots, journal, number, digest } = this.#options;
    const skipped = this.#stop.signal.aborted ? (this.#stop.signal.reason as StopCause) : undefined;
    const slot = skipped === undefined ? slots.take(this.#slotRequest) : undefined;
    const mustWait = slot === undefined && skipped === undefined;
    using _place = mustWait ? slots.reserve() : undefined;
    this.#enter("QUEUED", skipped?.message ?? (mustWait ? slots.reason(this.#slotRequest) : ""));
    if (slot !== undefined) this.#beginAttempt();
    try {
      await journal.insert({ number, digest, execution: this.snapshot() }, this.log.parts);
    } catch (error) {
      slot?.[Symbol.dispose]();
      throw error;
    }
    this.#events.isAccepted = true;
    void this.#run(slot);
  }

  /**
   * Go on with what an earlier host has left: its last attempt is lost, and the next one looks for its work.
   *
   * @throws {Error} when its log cannot be gone on with; it is then as it was
   */
  async resume(): Promise<void> {
    await this.#options.journal.continueLog(this.id, this.log);
    this.#events.resume(this.log.lastSequence, this.#attempts.length);
    const result = lostWithHost("the next attempt goes on with its work");
    if (this.#attempts.at(-1)?.result === undefined) {
      this.#updateAttempt({ finishedMs: Date.now(), result });
      this.#events.attemptFinished(result, 0);
    }
    this.#enter("QUEUED", `the host was lost: attempt ${this.#attempts.length + 1} goes on with its work`);
    await this.#trySave();
    void this.#run(undefined);
  }

  /** Idempotent. Before `accept`, it ends what is accepted without a start. A running attempt goes through the stopping ladder, everything else ends at once. */
  stop(cause: StopCause): void {
    if (this.#state !== "FINISHED") this.#stop.abort(cause);
  }

  /**
   * Have other limits hold from now on.
   *
   * @returns once that is journaled: what may still happen by the earlier ones
   */
  async changeLimits(limits: FullLimits, reason: string): Promise<readonly string[]> {
    this.#events.limitsChanged(limits, reason);
    this.#limits.change(limits);
    const warning = this.#toldDeadline?.update();
    await this.#trySave();
    return [await warning].filter((text) => text !== undefined);
  }

  async #run(slot: Slot | undefined): Promise<void> {
    const totalTimer = new LimitTimer({
      limits: this.#limits,
      limit: "totalTimeoutMs",
      sinceMs: this.#acceptedAt,
      onReached: (limitMs) => this.stop(new StopCause("total", `total limit of ${formatDuration(limitMs)} reached`)),
    });
    let result: Result;
    try {
      result = await this.#recalled(await this.#untilResult(slot));
    } catch (error) {
      this.#options.logger.error("execution failed inside the host", { execution: this.#options.spec.id, error });
      result = makeResult("FAILED", {
        message: messageOf(error),
        code: "INTERNAL",
        hint: "this is a defect of the host",
      });
    }
    totalTimer[Symbol.dispose]();
    await this.#finish(result);
    this.#settled.resolve();
  }

  async #untilResult(first: Slot | undefined): Promise<Result> {
    let slot = first;
    for (;;) {
      try {
        slot ??= await this.#waitForSlot();
        const result = await this.#attempt();
        slot[Symbol.dispose]();
        slot = undefined;
        const delayMs = this.#stop.signal.aborted ? undefined : this.#nextAttemptDelay(result);
        if (delayMs === undefined) return verdict(this.#results);
        await this.#waitForNextAttempt(result, delayMs);
      } catch (error) {
        if (!(error instanceof StopCause)) throw error;
        const result = this.#stoppedWhileWaiting(error);
        if (this.#attempts.at(-1)?.result === undefined) this.#updateAttempt({ finishedMs: Date.now(), result });
        return result;
      } finally {
        slot?.[Symbol.dispose]();
      }
    }
  }

  /** @returns undefined when there is to be no other attempt */
  #nextAttemptDelay(result: Result): number | undefined {
    const { retry } = this.#options.spec;
    const resumeMs = this.#mayResume ? resumeDelay(this.#attempts) : undefined;
    return resumeMs ?? nextAttemptDelay(retry, numberForExecutor(this.#attempts), result, Math.random());
  }

  get #mayResume(): boolean {
    return this.#options.resumable && isAdrift(this.#attempts);
  }

  /** Work that is to stop and may be going on without anybody is found and stopped. @returns what came of all */
  async #recalled(ending: Result): Promise<Result> {
    const cause = (this.#stop.signal.reason as StopCause | undefined) ?? this.#abandonedBy;
    if (!this.#options.resumable || !this.#isAdrift || cause === undefined) return ending;
    this.#events.attemptFinished(ending, 0);
    const result = await this.#attempt(cause);
    const { warnings } = ending;
    if (this.#isAdrift) return { ...ending, warnings: [...warnings, `its work may be going on: ${result.message}`] };
    return {
      ...result,
      effect: effectOf([ending, result]),
      stop: {
        steps: [...(ending.stop?.steps ?? []), ...(result.stop?.steps ?? [])],
        survivors: [...(ending.stop?.survivors ?? []), ...(result.stop?.survivors ?? [])],
      },
      warnings: [...warnings, ...result.warnings],
    };
  }

  async #waitForSlot(): Promise<Slot> {
    const { slots } = this.#options;
    const { queueTimeoutMs } = this.#limits.values;
    if (queueTimeoutMs === undefined) return slots.wait(this.#slotRequest, this.#stop.signal);
    const message = `no slot became free within ${formatDuration(queueTimeoutMs)}`;
    using limit = new TimeLimit(queueTimeoutMs, new StopCause("queue", message));
    return await slots.wait(this.#slotRequest, limit.or(this.#stop.signal));
  }

  /** @param recall why the work of an attempt that is over is to be found and stopped */
  async #attempt(recall?: StopCause): Promise<Result> {
    const { supervisor, spec, timeouts, usageIntervalMs } = this.#options;
    const isJournaled = recall === undefined && this.#state === "STARTING";
    if (!isJournaled) this.#beginAttempt(recall);
    const startTimeoutMs = recall === undefined ? this.#limits.values.startTimeoutMs : timeouts.recallMs;
    const stopping = recall === undefined ? this.#stop.signal : new AbortController().signal;
    using startLimit =
      startTimeoutMs === undefined
        ? undefined
        : new TimeLimit(
            startTimeoutMs,
            new StopCause("start", `start limit of ${formatDuration(startTimeoutMs)} reached`),
          );
    this.#startLimit = startLimit;
    const stop = startLimit?.or(stopping) ?? stopping;
    let result: Result;
    try {
      // What the journal does not know to be under way must not be: after a crash it would be called not started.
      if (!isJournaled) await this.#save();
      const lease = await supervisor.lease(spec.executor, stop, spec.jobName);
      this.#updateAttempt({ executorPid: lease.process.pid, executorVersion: lease.process.link.description.version });
      const startedMs = Date.now();
      const number = numberForExecutor(this.#attempts);
      this.#toldDeadline = new ToldDeadline({
        link: lease.process.link,
        executionId: spec.id,
        attempt: number,
        deadline: () => this.#deadline(startedMs),
      });
      using usages = usageEvents(usageIntervalMs, (frame) => this.#events.relay(frame));
      try {
        result = await runAttempt({
          spec,
          number,
          lease,
          limits: this.#limits,
          timeouts,
          deadlineMs: this.#toldDeadline.toldMs,
          heartbeatDetails: this.#attempts.findLast((attempt) => attempt.heartbeatDetails)?.heartbeatDetails,
          stop: recall === undefined ? stop : AbortSignal.abort(recall),
          isRecall: recall !== undefined,
          onStarted: (frame) => this.#running(frame),
          onBulk: (frame) => this.#events.relayBulk(frame),
          onUsage: (frame) => {
            this.#updateAttempt({ usage: usageFromProto(UsageMessage.decode(frame.payload)) });
            usages?.offer(frame);
          },
          onHeartbeat: (details) => {
            this.#updateAttempt({ heartbeatMs: Date.now(), ...(details && { heartbeatDetails: details }) });
          },
          onStopping: (cause) => this.#enter("CANCELLING", cause.message),
          onAbandoned: (cause) => {
            this.#isAdrift = true;
            this.#abandonedBy = cause;
          },
          isCongested: () => this.log.congested,
          drained: () => this.log.drained(),
        });
      } finally {
        this.#toldDeadline = undefined;
        lease.release();
      }
    } catch (error) {
      result = notStarted(error);
    }
    this.#updateAttempt({ finishedMs: Date.now(), result });
    this.#isAdrift ||= isAdrift(this.#attempts);
    return result;
  }

  /** When the host stops an attempt, milliseconds since the epoch. */
  #deadline(startedMs: number): number | undefined {
    const { attemptTimeoutMs = Infinity, totalTimeoutMs = Infinity } = this.#limits.values;
    const earliest = Math.min(startedMs + attemptTimeoutMs, this.#acceptedMs + totalTimeoutMs);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  async #waitForNextAttempt(result: Result, delayMs: number): Promise<void> {
    this.#events.attemptFinished(result, delayMs);
    this.#enter("QUEUED", `attempt ${this.#attempts.length + 1} follows in ${formatElapsed(delayMs)}`);
    await this.#trySave();
    const signal = this.#stop.signal;
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const aborted = () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", aborted);
        resolve();
      }, delayMs);
      signal.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Nothing was running then. What an earlier attempt said of its effect stays true. */
  #stoppedWhileWaiting(cause: StopCause): Result {
    const results = this.#results;
    if (cause.comesBeforeStart) return verdict([...results, notStarted(cause)]);
    return makeResult(cause.outcome, { message: cause.message, code: cause.code, effect: effectOf(results) });
  }

  get #results(): readonly Result[] {
    return this.#attempts.flatMap(({ result }) => result ?? []);
  }

  #beginAttempt(recall?: StopCause): void {
    const number = this.#attempts.length + 1;
    const resumes = recall !== undefined || this.#mayResume;
    this.#attempts.push({ number, startingMs: Date.now(), executorPid: 0, executorVersion: "", resumes });
    this.#events.attempt = number;
    if (recall === undefined) this.#enter("STARTING", "");
    else this.#enter("CANCELLING", recall.message);
  }

  #updateAttempt(parts: Partial<Attempt>): void {
    const last = this.#attempts.pop();
    if (last !== undefined) this.#attempts.push({ ...last, ...parts });
  }

  #running(frame: EventFrame | undefined): void {
    this.#startLimit?.lift();
    this.#isAdrift = false;
    this.#updateAttempt({ runningMs: Date.now() });
    // A stop that came first keeps its state; that the work has started is told by the event either way.
    if (this.#state === "STARTING") this.#enter("RUNNING", "");
    if (frame !== undefined) this.#events.relay(frame);
  }

  #enter(state: State, reason: string): void {
    this.#state = state;
    this.#stateReason = reason;
    this.#events.state(state, reason);
  }

  /** The result is journaled first and shown then. A journal that cannot take it delays that only for a while, and gets it later. */
  async #finish(ending: Result): Promise<void> {
    await this.log.flush();
    const lost = this.log.lost;
    const warnings =
      lost === undefined
        ? ending.warnings
        : [...ending.warnings, `${lost.bytes} bytes of output could not be journaled: ${lost.cause.message}`];
    this.#result = { ...ending, warnings };
    this.#state = "FINISHED";
    this.#stateReason = "";
    this.#finishedMs = Date.now();
    this.#events.result(this.#result);
    await this.log.flush();
    const { journal, timeouts } = this.#options;
    const deadline = Date.now() + timeouts.journalRetryMs;
    for (let saved = false, shown = false; !shown || !(saved || journal.isClosed);) {
      saved ||= await this.#trySave();
      if (!shown && (saved || journal.isClosed || Date.now() > deadline)) {
        shown = true;
        await this.log.finish();
        this.#finished.resolve();
      }
      if (!saved) await sleep(timeouts.journalRetryIntervalMs, undefined, { ref: false });
    }
  }

  async #trySave(): Promise<boolean> {
    try {
      await this.#save();
      return true;
    } catch (error) {
      this.#notSaved(error);
      return false;
    }
  }

  async #save(): Promise<void> {
    const { journal, number } = this.#options;
    await journal.update(number, () => ({ execution: this.snapshot(), log: this.log.parts }));
    this.#isBehind = false;
  }

  /** Said once, however often it is tried. */
  #notSaved(error: unknown): void {
    if (this.#isBehind) return;
    this.#isBehind = true;
    this.#options.logger.error("execution could not be journaled", {
      execution: this.#options.spec.id,
      error: messageOf(error),
    });
  }
}

/** @throws what says nothing of the start */
function notStarted(error: unknown): Result {
  if (error instanceof StopCause && error.comesBeforeStart) {
    const { message, code } = error;
    return makeResult("NOT_STARTED", { message, code, effect: "NONE", retryability: "RETRYABLE" });
  }
  if (!isHostError(error)) throw error;
  return makeResult("NOT_STARTED", {
    message: error.message,
    hint: error.hint,
    code: error.code,
    effect: "NONE",
    retryability: "RETRYABLE",
    retryAfterMs: error.retryAfterMs,
  });
}
