import { Usage as UsageMessage } from "@executor-host/proto/executor";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { EventFrame } from "@executor-host/proto/shared/frame";
import type { EventLog } from "../journal/event-log.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../log/logger.ts";
import { usageFromProto } from "../model/convert.ts";
import { makeResult, type Execution, type ExecutionSpec, type Result } from "../model/model.ts";
import { formatDuration, formatElapsed } from "../settings/duration.ts";
import type { Supervisor } from "../supervision/supervisor.ts";
import type { Timeouts } from "../timeouts.ts";
import { lostWithHost } from "./abandoned.ts";
import { slotRequestOf } from "./admission.ts";
import { runAttempt } from "./attempt.ts";
import { LimitTimer } from "./limit-timer.ts";
import { LimitsInForce, type FullLimits } from "./limits-in-force.ts";
import { ExecutionRecord } from "./record.ts";
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
  readonly #options: RunOptions;
  readonly #record: ExecutionRecord;
  readonly #limits: LimitsInForce;
  readonly #slotRequest: SlotRequest;
  readonly #stop = new AbortController();
  /** By a clock that nobody sets. */
  readonly #acceptedAt: number;
  readonly #finished = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  /** Of the call under way. */
  #toldDeadline: ToldDeadline | undefined;
  /** Of the attempt that has not started yet. */
  #startLimit: TimeLimit | undefined;
  /** Work may be going on without anybody. */
  #isAdrift: boolean;
  /** Why it was to stop, if its process has died over that. */
  #abandonedBy: StopCause | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#limits = new LimitsInForce(options.limits);
    this.#record = new ExecutionRecord({ ...options, limits: this.#limits });
    this.#acceptedAt = performance.now() - (Date.now() - this.#record.acceptedMs);
    this.#isAdrift = isAdrift(this.#record.attempts);
    this.#slotRequest = slotRequestOf(options.spec);
    this.finished = this.#finished.promise;
    this.settled = this.#settled.promise;
  }

  get log(): EventLog {
    return this.#record.log;
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
    return this.#record.result !== undefined;
  }

  /** A stop is under way; it cannot be taken back. */
  get isStopping(): boolean {
    return this.#stop.signal.aborted || this.#record.state === "CANCELLING";
  }

  get limits(): FullLimits {
    return this.#limits.values;
  }

  /** As it was accepted. */
  get initialLimits(): FullLimits {
    return this.#options.limits;
  }

  snapshot(): Execution {
    return this.#record.snapshot();
  }

  /**
   * Write the execution to the journal and set it going.
   *
   * @returns when it is durable
   * @throws {HostError} `QUEUE_FULL`, `JOURNAL_FAILED`; it is then as if it had never been asked for
   */
  async accept(): Promise<void> {
    const { slots } = this.#options;
    const skipped = this.#stop.signal.aborted ? (this.#stop.signal.reason as StopCause) : undefined;
    const slot = skipped === undefined ? slots.take(this.#slotRequest) : undefined;
    const mustWait = slot === undefined && skipped === undefined;
    using _place = mustWait ? slots.reserve() : undefined;
    this.#record.enter("QUEUED", skipped?.message ?? (mustWait ? slots.reason(this.#slotRequest) : ""));
    if (slot !== undefined) this.#beginAttempt();
    try {
      await this.#record.insert();
    } catch (error) {
      slot?.[Symbol.dispose]();
      throw error;
    }
    void this.#run(slot);
  }

  /**
   * Go on with what an earlier host has left: its last attempt is lost, and the next one looks for its work.
   *
   * @throws {Error} when its log cannot be gone on with; it is then as it was
   */
  async resume(): Promise<void> {
    await this.#record.reopen();
    const result = lostWithHost("the next attempt goes on with its work");
    if (this.#record.attempts.at(-1)?.result === undefined) {
      this.#record.endAttempt(result);
      this.#record.events.attemptFinished(result, 0);
    }
    this.#record.enter(
      "QUEUED",
      `the host was lost: attempt ${this.#record.attempts.length + 1} goes on with its work`,
    );
    await this.#record.trySave();
    void this.#run(undefined);
  }

  /** Idempotent. Before `accept`, it ends what is accepted without a start. A running attempt goes through the stopping ladder, everything else ends at once. */
  stop(cause: StopCause): void {
    if (this.#record.state !== "FINISHED") this.#stop.abort(cause);
  }

  /**
   * Have other limits hold from now on.
   *
   * @returns once that is journaled: what may still happen by the earlier ones
   */
  async changeLimits(limits: FullLimits, reason: string): Promise<readonly string[]> {
    this.#record.events.limitsChanged(limits, reason);
    this.#limits.change(limits);
    const warning = this.#toldDeadline?.update();
    await this.#record.trySave();
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
    await this.#record.conclude(result, this.#finished.resolve);
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
        if (this.#record.attempts.at(-1)?.result === undefined) this.#record.endAttempt(result);
        return result;
      } finally {
        slot?.[Symbol.dispose]();
      }
    }
  }

  /** @returns undefined when there is to be no other attempt */
  #nextAttemptDelay(result: Result): number | undefined {
    const { retry } = this.#options.spec;
    const resumeMs = this.#mayResume ? resumeDelay(this.#record.attempts) : undefined;
    return resumeMs ?? nextAttemptDelay(retry, numberForExecutor(this.#record.attempts), result, Math.random());
  }

  get #mayResume(): boolean {
    return this.#options.resumable && isAdrift(this.#record.attempts);
  }

  /** Work that is to stop and may be going on without anybody is found and stopped. @returns what came of all */
  async #recalled(ending: Result): Promise<Result> {
    const cause = (this.#stop.signal.reason as StopCause | undefined) ?? this.#abandonedBy;
    if (!this.#options.resumable || !this.#isAdrift || cause === undefined) return ending;
    this.#record.events.attemptFinished(ending, 0);
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
    const isJournaled = recall === undefined && this.#record.state === "STARTING";
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
      if (!isJournaled) await this.#record.save();
      const lease = await supervisor.lease(spec.executor, stop, spec.jobName);
      this.#record.updateAttempt({
        executorPid: lease.process.pid,
        executorVersion: lease.process.link.description.version,
      });
      const startedMs = Date.now();
      const number = numberForExecutor(this.#record.attempts);
      this.#toldDeadline = new ToldDeadline({
        link: lease.process.link,
        executionId: spec.id,
        attempt: number,
        deadline: () => this.#deadline(startedMs),
      });
      using usages = usageEvents(usageIntervalMs, (frame) => this.#record.events.relay(frame));
      try {
        result = await runAttempt({
          spec,
          number,
          lease,
          limits: this.#limits,
          timeouts,
          deadlineMs: this.#toldDeadline.toldMs,
          heartbeatDetails: this.#record.attempts.findLast((attempt) => attempt.heartbeatDetails)?.heartbeatDetails,
          stop: recall === undefined ? stop : AbortSignal.abort(recall),
          isRecall: recall !== undefined,
          onStarted: (frame) => this.#running(frame),
          onBulk: (frame) => this.#record.events.relayBulk(frame),
          onUsage: (frame) => {
            this.#record.updateAttempt({ usage: usageFromProto(UsageMessage.decode(frame.payload)) });
            usages?.offer(frame);
          },
          onHeartbeat: (details) => {
            this.#record.updateAttempt({ heartbeatMs: Date.now(), ...(details && { heartbeatDetails: details }) });
          },
          onStopping: (cause) => this.#record.enter("CANCELLING", cause.message),
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
    this.#record.endAttempt(result);
    this.#isAdrift ||= isAdrift(this.#record.attempts);
    return result;
  }

  /** When the host stops an attempt, milliseconds since the epoch. */
  #deadline(startedMs: number): number | undefined {
    const { attemptTimeoutMs = Infinity, totalTimeoutMs = Infinity } = this.#limits.values;
    const earliest = Math.min(startedMs + attemptTimeoutMs, this.#record.acceptedMs + totalTimeoutMs);
    return Number.isFinite(earliest) ? earliest : undefined;
  }

  async #waitForNextAttempt(result: Result, delayMs: number): Promise<void> {
    this.#record.events.attemptFinished(result, delayMs);
    this.#record.enter("QUEUED", `attempt ${this.#record.attempts.length + 1} follows in ${formatElapsed(delayMs)}`);
    await this.#record.trySave();
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
    return this.#record.attempts.flatMap(({ result }) => result ?? []);
  }

  #beginAttempt(recall?: StopCause): void {
    this.#record.beginAttempt(recall !== undefined || this.#mayResume);
    if (recall === undefined) this.#record.enter("STARTING", "");
    else this.#record.enter("CANCELLING", recall.message);
  }

  #running(frame: EventFrame | undefined): void {
    this.#startLimit?.lift();
    this.#isAdrift = false;
    this.#record.updateAttempt({ runningMs: Date.now() });
    // A stop that came first keeps its state; that the work has started is told by the event either way.
    if (this.#record.state === "STARTING") this.#record.enter("RUNNING", "");
    if (frame !== undefined) this.#record.events.relay(frame);
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
