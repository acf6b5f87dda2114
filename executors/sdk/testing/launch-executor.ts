import { randomUUID } from "node:crypto";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { LogEntry, PluginProcess } from "@executor-host/goplugin/client";
import {
  ExecutorServiceClient,
  type CancelResponse,
  type DescribeResponse,
  type ExecuteRequest,
  type ExecuteResponse,
  type ProbeResponse,
  type SetDeadlineResponse,
  type ValidateResponse,
} from "@executor-host/proto/executor";
import { HostError, type Violation } from "@executor-host/proto/shared/error";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import { fromStatus } from "@executor-host/proto/shared/status";
import { toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type { ConfigText } from "../config/define-config.ts";
import type { ProbeReport } from "../definition/define-executor.ts";
import type { Report } from "../definition/report.ts";
import type { CancelDisposition } from "../runtime/executor-runtime.ts";
import {
  fromCancelDisposition,
  fromDescribeResponse,
  fromEvent,
  fromProbeResponse,
  type Description,
} from "./from-wire.ts";
import { launchProcess, type Command, type LaunchedProcess, type LaunchProcessOptions } from "./launch-process.ts";
import { onAbort, type RunOptions, type StartedRun } from "./run-executor.ts";
import type { Run } from "./run.ts";
import { RunRecorder } from "./run-recorder.ts";

/** An executor in a process of its own, reached as a host reaches it. */
export interface LaunchedExecutor extends AsyncDisposable {
  /** The process: `exited`, `kill()`, `pid` ... */
  readonly plugin: PluginProcess;
  /** What it has logged so far. */
  readonly logs: readonly LogEntry[];
  /** @returns the first log entry that matches, past ones included @throws when the process ends without one */
  waitForLog(matches: (entry: LogEntry) => boolean): Promise<LogEntry>;
  describe(): Promise<Description>;
  validate(config: ConfigText): Promise<readonly Violation[]>;
  /** Run an execution to its end. @throws {HostError} when the call itself fails */
  execute(config: ConfigText, options?: LaunchedRunOptions): Promise<Run>;
  /** As `execute`, without waiting. `force()` drops the call, so that `finished` rejects. */
  start(config: ConfigText, options?: LaunchedRunOptions): StartedRun;
  cancel(id: string, options?: { readonly reason?: string; readonly graceMs?: number }): Promise<CancelDisposition>;
  /** @returns false when the process knows no such running execution */
  setDeadline(id: string, deadline: Date | undefined, attempt?: number): Promise<boolean>;
  probe(config: ConfigText): Promise<ProbeReport>;
}

export type LaunchedRunOptions = Omit<RunOptions, "protocol" | "timeouts">;

/** Launch an executor and speak the native contract with it. */
export async function launchExecutor(command: Command, options: LaunchProcessOptions = {}): Promise<LaunchedExecutor> {
  const launched = await launchProcess(command, appVersions.native, options);
  return new NativeExecutor(launched);
}

class NativeExecutor implements LaunchedExecutor {
  readonly plugin: PluginProcess;
  readonly logs: readonly LogEntry[];
  readonly #client: ExecutorServiceClient;
  readonly #launched: LaunchedProcess;

  constructor(launched: LaunchedProcess) {
    this.plugin = launched.plugin;
    this.logs = launched.logs.entries;
    this.#client = launched.plugin.client(ExecutorServiceClient);
    this.#launched = launched;
  }

  async describe(): Promise<Description> {
    return fromDescribeResponse(await unary<DescribeResponse>((done) => this.#client.describe({}, done)));
  }

  async validate(config: ConfigText): Promise<readonly Violation[]> {
    const { violations } = await unary<ValidateResponse>((done) => this.#client.validate({ config }, done));
    return violations;
  }

  execute(config: ConfigText, options: LaunchedRunOptions = {}): Promise<Run> {
    return this.start(config, options).finished;
  }

  start(config: ConfigText, options: LaunchedRunOptions = {}): StartedRun {
    const request = toExecuteRequest(config, options);
    const { executionId: id } = request;
    const recorder = new RunRecorder();
    const call = this.#client.execute(request);
    const cancel = (reason?: string, graceMs?: number): void => {
      const asked = this.cancel(id, {
        ...(reason !== undefined && { reason }),
        ...(graceMs !== undefined && { graceMs }),
      });
      // What came of it is seen in the execution's end.
      asked.catch(() => undefined);
    };
    using listeners = new DisposableStack();
    listeners.use(onAbort(options.signal, () => cancel()));
    listeners.use(onAbort(options.forceSignal, () => call.cancel()));
    const held = listeners.move();
    const finished = record(call, recorder)
      .then((report) => recorder.run(report))
      .finally(() => held.dispose());
    // Whoever waits for an event only would otherwise end the process when the call fails.
    finished.catch(() => undefined);
    return {
      id,
      finished,
      waitForStarted: () => recorder.waitForStarted(),
      waitForOutput: (text) => recorder.waitForOutput(text),
      waitFor: (matches) => recorder.waitFor(matches),
      cancel: ({ reason, graceMs } = {}) => cancel(reason, graceMs),
      force: () => call.cancel(),
    };
  }

  async cancel(
    id: string,
    { reason = "cancelled by the test", graceMs }: { readonly reason?: string; readonly graceMs?: number } = {},
  ): Promise<CancelDisposition> {
    const request = { executionId: id, reason, grace: graceMs === undefined ? undefined : toDuration(graceMs) };
    const { disposition } = await unary<CancelResponse>((done) => this.#client.cancel(request, done));
    return fromCancelDisposition(disposition);
  }

  async setDeadline(executionId: string, deadline: Date | undefined, attempt = 1): Promise<boolean> {
    const request = { executionId, attempt, deadline: deadline && toTimestamp(deadline.getTime()) };
    const { known } = await unary<SetDeadlineResponse>((done) => this.#client.setDeadline(request, done));
    return known;
  }

  async probe(config: ConfigText): Promise<ProbeReport> {
    return fromProbeResponse(await unary<ProbeResponse>((done) => this.#client.probe({ config }, done)));
  }

  waitForLog(matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    return this.#launched.logs.waitFor(matches);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#launched[Symbol.asyncDispose]();
  }
}

function toExecuteRequest(config: ConfigText, options: LaunchedRunOptions): ExecuteRequest {
  const { id = randomUUID(), attempt = 1, jobName = "", deadline, labels = {}, traceContext = {} } = options;
  const { heartbeatTimeoutMs, heartbeatDetails, recall } = options;
  return {
    executionId: id,
    attempt,
    jobName,
    config,
    deadline: deadline && toTimestamp(deadline.getTime()),
    traceContext: { ...traceContext },
    labels: { ...labels },
    heartbeatTimeout: heartbeatTimeoutMs === undefined ? undefined : toDuration(heartbeatTimeoutMs),
    heartbeatDetails,
    recall: recall && { reason: recall.reason, grace: toDuration(recall.graceMs) },
  };
}

/** Take in a stream of events. @throws {HostError} when it does not end well */
function record(call: ClientReadableStream<ExecuteResponse>, recorder: RunRecorder): Promise<Report> {
  return new Promise((resolve, reject) => {
    let report: Report | undefined;
    call.on("data", ({ events }: ExecuteResponse) => {
      for (const event of events) {
        const read = fromEvent(event);
        if (read.type === "result") report = read.report;
        recorder.add(read);
      }
    });
    call.on("error", (error: ServiceError) => {
      recorder.end();
      reject(fromStatus(error));
    });
    call.on("end", () => {
      recorder.end();
      if (report === undefined) reject(new HostError("INTERNAL", "the stream of events ended without a result"));
      else resolve(report);
    });
  });
}

/** @throws {HostError} */
function unary<T>(start: (done: (error: ServiceError | null, response: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error === null ? resolve(response) : reject(fromStatus(error))));
  });
}
