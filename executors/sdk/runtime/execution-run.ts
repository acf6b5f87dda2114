import { messageOf } from "@executor-host/proto/shared/error";
import { LatestValue } from "@executor-host/proto/shared/latest-value";
import type { ConfigText } from "../config/define-config.ts";
import type { JsonObject } from "../config/json.ts";
import type { ExecutorDefinition } from "../definition/define-executor.ts";
import type { Execution, OutputStream, ProgressUpdate, Protocol } from "../definition/execution.ts";
import type { Logger } from "../definition/logger.ts";
import { readConfig } from "../definition/read-config.ts";
import { rejection, reportOfError, reportOutcomes, type Report, type UsageNow } from "../definition/report.ts";
import { StopRequest } from "../definition/stop-request.ts";
import { heartbeatShare, limits, timeouts, type ExecutionTimeouts } from "../timeouts.ts";
import { Deadline } from "./deadline.ts";
import type { Channel, EventSink, ExecutionEventKind } from "./event.ts";
import { OutputQueue } from "./output-queue.ts";

/** What was asked for, whatever contract it came by. */
export interface ExecutionRequest {
  readonly id: string;
  readonly attempt: number;
  readonly jobName: string;
  readonly config: ConfigText;
  readonly deadline: Date | undefined;
  readonly heartbeatTimeoutMs: number | undefined;
  readonly heartbeatDetails: JsonObject | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly traceContext: Readonly<Record<string, string>>;
  readonly protocol: Protocol;
  /** There is nothing to begin, and perhaps something to stop. */
  readonly recall?: { readonly reason: string; readonly graceMs: number | undefined } | undefined;
}

export interface ExecutionRunOptions<C> {
  readonly definition: ExecutorDefinition<C>;
  readonly request: ExecutionRequest;
  readonly sink: EventSink;
  readonly logger: Logger;
  readonly timeouts?: ExecutionTimeouts;
}

/**
 * One execution, from its request to its result: keeps the order of events that `executor.v1` promises, and turns whatever `execute` does
 * into exactly one report.
 */
export class ExecutionRun<C> {
  readonly request: ExecutionRequest;
  /** The report, once the sink has it. Never rejects. */
  readonly finished: Promise<Report>;
  readonly #definition: ExecutorDefinition<C>;
  readonly #sink: EventSink;
  readonly #logger: Logger;
  readonly #timeouts: ExecutionTimeouts;
  readonly #output: OutputQueue;
  readonly #stop = new AbortController();
  readonly #force = new AbortController();
  readonly #warnings: string[] = [];
  /** Heartbeats of the work, by their details. */
  readonly #beats: LatestValue<JsonObject | undefined>;
  readonly #usages: LatestValue<UsageNow>;
  readonly #deadline: Deadline;
  #beatDetails: JsonObject | undefined;
  #usageText = "";
  /** This process's own sign of life. */
  #heartbeat: NodeJS.Timeout | undefined;
  /** Set while the sink is full. */
  #full: Promise<void> | undefined;
  /** The latest progress that came while the sink was full. */
  #progress: ProgressUpdate | undefined;
  #sequence = 0;
  #over = false;
  #abandoned = false;

  /** Runs at once; `execute` is called before this returns, unless the config is refused. */
  constructor(options: ExecutionRunOptions<C>) {
    this.request = options.request;
    this.#definition = options.definition;
    this.#sink = options.sink;
    this.#logger = options.logger;
    this.#timeouts = options.timeouts ?? timeouts;
    this.#output = new OutputQueue({
      coalesceMs: this.#timeouts.coalesceMs,
      send: (event) => this.#send(event),
      drained: () => this.#full ?? Promise.resolve(),
    });
    const { deadline, heartbeatTimeoutMs = Infinity, recall } = options.request;
    const beatMs = Math.min(heartbeatTimeoutMs * heartbeatShare, this.#timeouts.heartbeatMs);
    this.#beats = new LatestValue({
      intervalMs: () => beatMs,
      pass: (details) => this.#sendIfRoom({ type: "heartbeat", fromWork: true, details }),
    });
    this.#usages = new LatestValue({
      intervalMs: () => this.#timeouts.usageMs,
      pass: (usage) => this.#sendIfRoom({ type: "usage", ...usage }),
    });
    this.#deadline = new Deadline(deadline);
    if (recall !== undefined) this.cancel(recall.reason, recall.graceMs);
    this.finished = this.#run();
  }

  /** The host will stop this attempt at another time. @returns false when it is over, or its target keeps to an earlier one */
  setDeadline(deadline: Date | undefined): boolean {
    return !this.#over && this.#deadline.move(deadline);
  }

  /** Ask to stop. The first call counts; of no effect when the execution is over. */
  cancel(reason: string, graceMs = this.#timeouts.defaultGraceMs): void {
    if (!this.#over && !this.#stop.signal.aborted) this.#stop.abort(new StopRequest(reason, graceMs));
  }

  /** Stop at once. */
  force(reason: string): void {
    this.cancel(reason, 0);
    if (!this.#over && !this.#force.signal.aborted) this.#force.abort(new StopRequest(reason, 0));
  }

  /** Stop at once, and say nothing more to the host: it shall see this process crash. */
  abandon(reason: string): void {
    this.#abandoned = true;
    this.force(reason);
  }

  async #run(): Promise<Report> {
    const report = complete(await this.#work(), this.#warnings);
    if (report.outcome !== "REJECTED") this.#start();
    await this.#output.finish();
    // How far it has come counts most when it failed.
    this.#beats.flush();
    this.#beats[Symbol.dispose]();
    this.#usages[Symbol.dispose]();
    this.#over = true;
    this.#deadline[Symbol.dispose]();
    clearTimeout(this.#heartbeat);
    return this.#writeResult(report);
  }

  /** An author without a type checker may report what cannot be encoded; the outcome still arrives. */
  #writeResult(report: Report): Report {
    try {
      this.#write({ type: "result", report });
      return report;
    } catch (error) {
      const warnings = [...(report.warnings ?? []), `the rest of the report could not be sent: ${messageOf(error)}`];
      const rest: Report = { outcome: report.outcome, message: report.message, warnings };
      this.#write({ type: "result", report: rest });
      return rest;
    }
  }

  async #work(): Promise<Report> {
    try {
      const parsed = readConfig(this.#definition, this.request.config, this.request.protocol);
      this.#warnings.push(...parsed.warnings);
      if (parsed.violations !== undefined) return rejection(parsed.violations);
      return assertReport(await this.#definition.execute(this.#execution(parsed.value)));
    } catch (error) {
      const stop: unknown = this.#stop.signal.reason;
      const report = reportOfError(error, stop instanceof StopRequest ? stop : undefined);
      if (report.code === "INTERNAL")
        this.#logger.error("execute threw", { error: messageOf(error), stack: stackOf(error) });
      return report;
    }
  }

  #execution(config: C): Execution<C> {
    const { id, attempt, jobName, heartbeatTimeoutMs, heartbeatDetails, labels, traceContext, protocol } = this.request;
    const deadline = this.#deadline;
    return {
      id,
      attempt,
      jobName,
      config,
      get deadline() {
        return deadline.at;
      },
      get deadlineSignal() {
        return deadline.signal;
      },
      deadlineTold: () => deadline.tell(),
      heartbeatTimeoutMs,
      heartbeatDetails,
      labels,
      traceContext,
      protocol,
      signal: this.#stop.signal,
      forceSignal: this.#force.signal,
      stdout: this.#stream("stdout"),
      stderr: this.#stream("stderr"),
      started: (target) => this.#start(target),
      progress: (progress) => {
        const { fraction } = progress;
        this.#progress = { ...progress, fraction: fraction && Math.min(1, Math.max(0, fraction)) };
        this.#sendProgress();
      },
      heartbeat: (details) => {
        if (details !== undefined) this.#beatDetails = plain(details);
        this.#beats.offer(this.#beatDetails);
      },
      usage: (usage) => {
        const text = JSON.stringify(usage);
        if (text === this.#usageText) return;
        this.#usageText = text;
        this.#usages.offer(usage);
      },
      warn: (message) => {
        this.#warnings.push(message);
      },
      log: this.#logger,
    };
  }

  #stream(channel: Channel): OutputStream {
    return {
      write: (data) => this.#output.write(channel, data),
      drained: () => this.#output.drained(),
    };
  }

  #start(target = this.#definition.name): void {
    if (this.#sequence > 0 || this.#over) return;
    this.#write({ type: "started", target });
    this.#heartbeat = setTimeout(() => {
      if (this.#full === undefined) this.#write({ type: "heartbeat", fromWork: false });
      this.#heartbeat?.refresh();
    }, this.#timeouts.heartbeatMs).unref();
  }

  /** Send something that can only come after `started`. */
  #send(kind: ExecutionEventKind): boolean {
    this.#start();
    this.#heartbeat?.refresh();
    return this.#write(kind);
  }

  #sendIfRoom(kind: ExecutionEventKind): boolean {
    if (this.#full !== undefined) return false;
    if (!this.#over) this.#send(kind);
    return true;
  }

  /** Progress overtakes nothing, and only the latest waits for a sink that is full. */
  #sendProgress(): void {
    if (this.#progress === undefined || this.#over) return;
    this.#output.flush();
    if (this.#full !== undefined) return;
    this.#send({ type: "progress", ...this.#progress });
    this.#progress = undefined;
  }

  #write(kind: ExecutionEventKind): boolean {
    if (this.#abandoned) return true;
    const room = this.#sink.write({ sequence: this.#sequence + 1, timeMs: Date.now(), ...kind });
    this.#sequence += 1;
    if (!room) this.#full ??= this.#waitForRoom();
    return room;
  }

  async #waitForRoom(): Promise<void> {
    await this.#sink.drained();
    this.#full = undefined;
    this.#sendProgress();
    this.#beats.flush();
    this.#usages.flush();
  }
}

/** Details as they will arrive, so that what cannot be sent is told to whoever wrote it. @throws {RangeError} */
function plain(details: JsonObject): JsonObject {
  const text = JSON.stringify(details);
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.heartbeatDetailsBytes) {
    throw new RangeError(
      `details of a heartbeat are too large: ${bytes} bytes of JSON, at most ${limits.heartbeatDetailsBytes}`,
    );
  }
  return JSON.parse(text) as JsonObject;
}

/** An author without a type checker may return anything. */
function assertReport(report: Report | undefined): Report {
  if (report !== undefined && reportOutcomes.includes(report.outcome)) return report;
  throw new TypeError(`execute must return a report with one of the outcomes ${reportOutcomes.join(", ")}`);
}

/** A report as the contract wants it: a message of one line, none on success, and every remark in one place. */
function complete(report: Report, warnings: readonly string[]): Report {
  const isSuccess = report.outcome === "SUCCEEDED";
  return {
    ...report,
    message: isSuccess ? undefined : report.message?.trim().replaceAll(/\s*[\r\n]+\s*/g, " "),
    code: isSuccess ? undefined : report.code,
    warnings: [...warnings, ...(report.warnings ?? [])],
  };
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
