import { setTimeout as sleep } from "node:timers/promises";
import { Heartbeat as HeartbeatMessage, Result as ResultMessage } from "@executor-host/proto/executor";
import type { EventFrame } from "@executor-host/proto/shared/frame";
import { messageOf, type HostError } from "@executor-host/proto/shared/error";
import { resultFromProto } from "../model/convert.ts";
import {
  makeResult,
  type ExecutionSpec,
  type JsonObject,
  type Result,
  type StopStep,
  type Survivor,
} from "../model/model.ts";
import { formatDuration } from "../settings/duration.ts";
import type { AttemptRequest, CallEnd, RunningCall } from "../supervision/link.ts";
import type { Lease } from "../supervision/pool.ts";
import type { Timeouts } from "../timeouts.ts";
import { LimitTimer, type TimedLimit } from "./limit-timer.ts";
import type { LimitsInForce } from "./limits-in-force.ts";
import { StopCause } from "./stop.ts";

export interface AttemptOptions {
  readonly spec: ExecutionSpec;
  /** Starts at 1. */
  readonly number: number;
  readonly lease: Lease;
  readonly limits: LimitsInForce;
  readonly timeouts: Timeouts;
  /** When the host will stop it, as things stand, for the executor to know; milliseconds since the epoch. */
  readonly deadlineMs: number | undefined;
  /** Of the attempts before it. */
  readonly heartbeatDetails: JsonObject | undefined;
  /** Aborts with a `StopCause`. */
  readonly stop: AbortSignal;
  /** Only to find what another process of the executor has left, and stop it: `stop` has aborted. */
  readonly isRecall: boolean;
  /** The work has begun; with the executor's report of it, if there is one. */
  onStarted(frame: EventFrame | undefined): void;
  /** Output or progress. */
  onBulk(frame: EventFrame): void;
  onUsage(frame: EventFrame): void;
  /** The work itself has given a sign of life. */
  onHeartbeat(details: JsonObject | undefined): void;
  onStopping(cause: StopCause): void;
  /** The process that was to stop the work is gone, and has not said what became of it. */
  onAbandoned(cause: StopCause): void;
  /** More events are waiting for the disk than should. */
  isCongested(): boolean;
  drained(): Promise<void>;
}

const executorDefect = "this is a defect of the executor";

const notStarted = { outcome: "NOT_STARTED", effect: "NONE", retryability: "RETRYABLE" } as const;

/** Part of the grace time kept for the host's own steps, so that one budget covers all. */
const reserveShare = 0.1;
const reserveMaxMs = 500;

/**
 * One attempt: one call to one executor process, its limits, and the ladder that stops it.
 *
 * Ends only when it is known that nothing of it runs any more, or that what runs cannot be stopped.
 */
export async function runAttempt(options: AttemptOptions): Promise<Result> {
  return new Attempt(options).run();
}

class Attempt {
  readonly #options: AttemptOptions;
  readonly #steps: StopStep[] = [];
  #survivors: readonly Survivor[] = [];
  #call: RunningCall | undefined;
  #result: Result | undefined;
  #started = false;
  #paused = false;
  #cause: StopCause | undefined;
  #ladder: Promise<void> | undefined;
  /** Runs from the result on. */
  #overdue: NodeJS.Timeout | undefined;
  readonly #timers: DisposableStack = new DisposableStack();
  #silence: LimitTimer | undefined;
  #lifelessness: LimitTimer | undefined;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  async run(): Promise<Result> {
    const { spec, number, lease, limits, stop } = this.#options;
    using _timers = this.#timers;
    this.#watch("attemptTimeoutMs", (limit) => new StopCause("attempt", `attempt limit of ${limit} reached`));
    this.#silence = this.#watch(
      "noOutputTimeoutMs",
      (limit) => new StopCause("no-output", `no output for ${limit}`),
      () => this.#paused,
    );
    this.#lifelessness = this.#watch(
      "heartbeatTimeoutMs",
      (limit) => new StopCause("heartbeat", `no heartbeat for ${limit}`),
      () => this.#paused || !this.#started,
    );
    const stopped = () => this.#requestStop(stop.reason as StopCause);
    const dropped = () => this.#call?.abort();
    try {
      const call = lease.process.link.execute(
        {
          executionId: spec.id,
          attempt: number,
          jobName: spec.jobName,
          config: spec.config,
          deadlineMs: this.#options.deadlineMs,
          heartbeatTimeoutMs: limits.values.heartbeatTimeoutMs,
          heartbeatDetails: this.#options.heartbeatDetails,
          traceContext: spec.traceContext,
          labels: spec.labels,
          recall: this.#recall(),
        },
        (frame) => this.#receive(frame),
      );
      this.#call = call;
      if (stop.aborted) stopped();
      stop.addEventListener("abort", stopped, { once: true });
      lease.process.beyondReach.addEventListener("abort", dropped, { once: true });
      const end = await call.ended;
      await this.#ladder;
      return await this.#conclude(end);
    } finally {
      stop.removeEventListener("abort", stopped);
      clearTimeout(this.#overdue);
      lease.process.beyondReach.removeEventListener("abort", dropped);
    }
  }

  #recall(): AttemptRequest["recall"] {
    const { isRecall, stop, limits } = this.#options;
    if (!isRecall) return undefined;
    const { message, graceMs = limits.values.graceMs } = stop.reason as StopCause;
    return { reason: message, graceMs: graceMs - reserveOf(graceMs) };
  }

  #watch(limit: TimedLimit, causeOf: (limitText: string) => StopCause, isExcused?: () => boolean): LimitTimer {
    return this.#timers.use(
      new LimitTimer({
        limits: this.#options.limits,
        limit,
        onReached: (limitMs) => this.#requestStop(causeOf(formatDuration(limitMs))),
        ...(isExcused && { isExcused }),
      }),
    );
  }

  #receive(frame: EventFrame): void {
    this.#options.lease.process.touch();
    if (this.#result !== undefined) return; // nothing counts after the result
    switch (frame.kind) {
      case "started":
        if (!this.#started) this.#start(frame);
        break;
      case "output":
      case "progress":
        // An executor that does not say so has started all the same.
        if (!this.#started) this.#start();
        this.#silence?.touch();
        this.#lifelessness?.touch();
        this.#options.onBulk(frame);
        this.#throttle();
        break;
      case "result":
        this.#result = resultFromProto(ResultMessage.decode(frame.payload));
        this.#overdue = setTimeout(() => void this.#dropCall(), this.#options.timeouts.abandonMs);
        break;
      case "heartbeat":
        // Without a word it is the executor's own sign of life, which is noted already.
        if (frame.payload.length > 0) this.#beat(HeartbeatMessage.decode(frame.payload));
        break;
      case "usage":
        this.#options.onUsage(frame);
        break;
      case undefined:
        break; // something of a newer contract
    }
  }

  #beat({ fromWork, details }: HeartbeatMessage): void {
    if (!fromWork) return;
    if (!this.#started) this.#start();
    this.#lifelessness?.touch();
    this.#options.onHeartbeat(details);
  }

  #start(frame?: EventFrame): void {
    this.#started = true;
    // Before, there was nothing that could have given a sign.
    this.#lifelessness?.touch();
    this.#options.onStarted(frame);
  }

  /** The disk is the limit: let the executor wait, and with it its job. */
  #throttle(): void {
    const call = this.#call;
    if (this.#paused || call === undefined || !this.#options.isCongested()) return;
    this.#paused = true;
    call.pause();
    const expectAnswers = this.#options.lease.process.excuse();
    void this.#options.drained().then(() => {
      this.#paused = false;
      call.resume();
      expectAnswers();
    });
  }

  #requestStop(cause: StopCause): void {
    if (this.#cause !== undefined || this.#result !== undefined) return;
    this.#cause = cause;
    this.#timers.dispose();
    this.#options.onStopping(cause);
    this.#ladder = this.#climb(cause).catch((error: unknown) => this.#step("error", messageOf(error)));
  }

  /** Ask, wait, drop the call, kill the process; each step only if the one before was not enough. */
  async #climb(cause: StopCause): Promise<void> {
    const { lease, limits, spec, isRecall, timeouts } = this.#options;
    const { process } = lease;
    const call = this.#call!;
    const graceMs = cause.graceMs ?? limits.values.graceMs;
    const reserveMs = reserveOf(graceMs);
    const innerGraceMs = graceMs - reserveMs;
    if (!process.link.description.capabilities.cancel) {
      // One execution per process: stopping the process is stopping the execution.
      const { steps, survivors } = await process.stop({ graceMs: innerGraceMs, terminateMs: reserveMs });
      this.#survivors = survivors;
      for (const { step, at } of steps) {
        const detail = step === "shutdown" ? `${cause.message}; the executor cannot cancel` : "";
        this.#steps.push({ action: `executor-${step}`, timeMs: at.getTime(), detail });
      }
      return;
    }
    // In a recall, the call itself says so to those who know of it; and what is to be stopped must first be found.
    this.#step(isRecall ? "recall" : "cancel", cause.message);
    const limitMs = isRecall ? graceMs + timeouts.recallMs : graceMs;
    const asked = process.link.cancel(spec.id, { reason: cause.message, graceMs: innerGraceMs });
    asked.catch((error: unknown) => this.#step("cancel-unanswered", messageOf(error)));
    if (await endsWithin(call, limitMs)) return;
    this.#step("call-cancelled", `not ended after ${formatDuration(limitMs)}`);
    call.abort();
    if (await this.#confirmedGone()) return;
    this.#step("executor-SIGKILL", "the executor does not confirm the end");
    this.#survivors = await lease.quarantine();
  }

  /** After the call was dropped only the executor can say whether the work has ended. */
  async #confirmedGone(): Promise<boolean> {
    const { lease, timeouts } = this.#options;
    const { process } = lease;
    const deadline = Date.now() + timeouts.abandonMs;
    while (Date.now() < deadline && !process.hasExited) {
      try {
        const disposition = await process.link.cancel(this.#options.spec.id, { reason: "forced", graceMs: 0 });
        if (disposition !== "STOPPING") return true;
      } catch {
        return false; // it does not answer
      }
      await sleep(timeouts.sweepIntervalMs);
    }
    return process.hasExited;
  }

  /** An executor that does not end its stream after the result is not waited for; one that does not answer either is killed for that. */
  async #dropCall(): Promise<void> {
    if (await this.#options.lease.process.isAlive()) this.#call?.abort();
  }

  async #conclude(end: CallEnd): Promise<Result> {
    const { process } = this.#options.lease;
    const cause = this.#cause;
    const isDecided = this.#result !== undefined || cause !== undefined;
    // A process that is just dying of something else is not left to the next execution.
    if (isDecided && !end.ok && !(await process.isAlive())) await this.#exit();
    if (this.#result !== undefined) return this.#stopped(this.#result, cause);
    const effect = this.#started ? "UNKNOWN" : "NONE";
    if (cause !== undefined) {
      const { cancel } = process.link.description.capabilities;
      if (cancel && this.#started && process.hasExited) this.#options.onAbandoned(cause);
      const verdict = makeResult(cause.outcome, { message: cause.message, code: cause.code, effect });
      return this.#withReport(this.#neverStarted(cause) ? { ...verdict, ...notStarted } : verdict);
    }
    return this.#broken(end, effect);
  }

  /** The executor's own verdict counts; what the host stopped is named by the host's reason. */
  #stopped(result: Result, cause: StopCause | undefined): Result {
    if (cause === undefined) return result;
    if (result.outcome === "SUCCEEDED" || result.outcome === "OUT_OF_MEMORY" || result.outcome === "REJECTED") {
      return this.#withReport(result);
    }
    const { isRecall } = this.#options;
    const warnings = isRecall && result.outcome === "FAILED" ? [...result.warnings, result.message] : result.warnings;
    const verdict = { ...result, outcome: cause.outcome, code: cause.code, message: cause.message, warnings };
    return this.#withReport(this.#neverStarted(cause) ? { ...verdict, ...notStarted } : verdict);
  }

  /** By the contract there is no effect before the start. */
  #neverStarted(cause: StopCause): boolean {
    return cause.kind === "start" && !this.#started;
  }

  /** The call ended without a result, and nobody asked for that. */
  async #broken(end: CallEnd, effect: Result["effect"]): Promise<Result> {
    const { process } = this.#options.lease;
    if (end.ok) {
      return makeResult("FAILED", {
        message: "the executor ended its stream without a result",
        code: "PROTOCOL_VIOLATION",
        hint: executorDefect,
        effect,
      });
    }
    if (await process.isAlive()) return this.#refused(end.error, effect);
    const exit = await this.#exit();
    if (exit === undefined) {
      this.#survivors = await this.#options.lease.quarantine();
      const result = makeResult("EXECUTOR_CRASHED", {
        message: `the link to the executor broke: ${end.error.message}`,
        code: process.isUnresponsive ? "EXECUTOR_UNRESPONSIVE" : "LINK_BROKEN",
        effect,
        retryability: effect === "NONE" ? "RETRYABLE" : "UNKNOWN",
      });
      return this.#survivors.length === 0 ? result : this.#withReport(result);
    }
    const { survivors } = await process.ended;
    this.#survivors = survivors;
    const how =
      exit.expected && !process.isUnresponsive
        ? "was stopped by the host, as it ignored the cancel of another execution"
        : process.describeEnd(exit);
    const result = makeResult("EXECUTOR_CRASHED", {
      message: `executor process ${process.pid} ${how}`,
      code: process.isUnresponsive ? "EXECUTOR_UNRESPONSIVE" : "EXECUTOR_CRASHED",
      hint: this.#started ? "the work may have had an effect" : "nothing had been started",
      effect,
      retryability: effect === "NONE" ? "RETRYABLE" : "UNKNOWN",
    });
    return survivors.length === 0 ? result : this.#withReport(result);
  }

  /** The exit event knows more than a broken call; it comes within milliseconds if it comes. */
  #exit() {
    const { lease, timeouts } = this.#options;
    return Promise.race([lease.process.exited, sleep(timeouts.abandonMs, undefined, { ref: false })]);
  }

  /** The executor failed the call, and lives on with its other executions. */
  async #refused(error: HostError, effect: Result["effect"]): Promise<Result> {
    if (this.#started && !(await this.#confirmedGone())) {
      this.#survivors = await this.#options.lease.quarantine();
    }
    const isViolation = error.code === "PROTOCOL_VIOLATION";
    return makeResult("FAILED", {
      message: `the executor failed the call: ${error.message}`,
      code: isViolation ? error.code : "EXECUTOR_REFUSED",
      hint: isViolation ? executorDefect : error.hint,
      effect,
      retryability: error.retryable ? "RETRYABLE" : "UNKNOWN",
      retryAfterMs: error.retryAfterMs,
    });
  }

  /** Add the host's steps to the executor's. */
  #withReport(result: Result): Result {
    const steps = [...this.#steps, ...(result.stop?.steps ?? [])].toSorted((a, b) => a.timeMs - b.timeMs);
    return { ...result, stop: { steps, survivors: [...(result.stop?.survivors ?? []), ...this.#survivors] } };
  }

  #step(action: string, detail: string): void {
    this.#steps.push({ action, timeMs: Date.now(), detail });
  }
}

function reserveOf(graceMs: number): number {
  return Math.min(reserveMaxMs, graceMs * reserveShare);
}

async function endsWithin(call: RunningCall, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([call.ended.then(() => true), late]);
  timer.abort();
  return ended;
}
