import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import {
  CancelDisposition,
  Capabilities,
  type CancelResponse,
  type DescribeResponse,
  type ExecuteRequest,
  type ExecutorServiceClient,
  ExecutorServiceService,
  type SetDeadlineResponse,
} from "@executor-host/proto/executor";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import { parseEventFrames, type EventFrame } from "@executor-host/proto/shared/frame";
import { MessageStream } from "@executor-host/proto/shared/message-stream";
import { fromStatus } from "@executor-host/proto/shared/status";
import { toDuration, toTimestamp } from "@executor-host/proto/shared/time";
import type { ExecutorDescription, ProbeReport, Violation } from "../model/model.ts";
import type { Timeouts } from "../timeouts.ts";
import type {
  AttemptRequest,
  CallEnd,
  CancelDisposition as CancelDispositionName,
  ExecutorLink,
  RunningCall,
} from "./link.ts";

const dispositions = new Map<number, CancelDispositionName>([
  [CancelDisposition.STOPPING, "STOPPING"],
  [CancelDisposition.FINISHED, "FINISHED"],
]);

interface Options {
  readonly timeouts: Timeouts;
  /** Resolves when the process is gone. */
  readonly exited: Promise<unknown>;
}

/** Speaks `executor.v1`, application version 2. */
export class NativeLink implements ExecutorLink {
  readonly protocolVersion = appVersions.native;
  readonly description: ExecutorDescription;
  readonly #client: ExecutorServiceClient;
  readonly #timeouts: Timeouts;
  readonly #running = new Set<MessageStream>();

  private constructor(client: ExecutorServiceClient, description: ExecutorDescription, { timeouts, exited }: Options) {
    this.#client = client;
    // Calls go past the client, and so past what ends them with the process. A connection that is closed then need not end them.
    void exited.then(() => {
      for (const call of this.#running) call.cancel();
    });
    this.#timeouts = timeouts;
    this.description = description;
  }

  /** @throws {HostError} when the executor does not describe itself */
  static async open(client: ExecutorServiceClient, options: Options): Promise<NativeLink> {
    const { timeouts } = options;
    const response = await unary<DescribeResponse>((done) =>
      client.describe({}, new Metadata(), { deadline: Date.now() + timeouts.describeMs }, done),
    );
    return new NativeLink(client, descriptionFromProto(response), options);
  }

  execute(request: AttemptRequest, onEvent: (frame: EventFrame) => void): RunningCall {
    try {
      return this.#call(request, onEvent);
    } catch (cause) {
      // gRPC throws when the connection was closed, as it is when the process is gone.
      const error = new HostError("PLUGIN_EXITED", `the executor's process is gone: ${messageOf(cause)}`, { cause });
      const nothing = () => undefined;
      return { pause: nothing, resume: nothing, abort: nothing, ended: Promise.resolve({ ok: false, error }) };
    }
  }

  async cancel(executionId: string, options: { reason: string; graceMs: number }): Promise<CancelDispositionName> {
    const request = { executionId, reason: options.reason, grace: toDuration(options.graceMs) };
    const response = await unary<CancelResponse>((done) =>
      this.#client.cancel(request, new Metadata(), { deadline: Date.now() + this.#timeouts.quickCallMs }, done),
    );
    return dispositions.get(response.disposition) ?? "UNKNOWN";
  }

  async setDeadline(executionId: string, attempt: number, deadlineMs: number | undefined): Promise<boolean> {
    if (!this.description.capabilities.setDeadline) return false;
    const deadline = deadlineMs === undefined ? undefined : toTimestamp(deadlineMs);
    const response = await unary<SetDeadlineResponse>((done) =>
      this.#client.setDeadline(
        { executionId, attempt, deadline },
        new Metadata(),
        { deadline: Date.now() + this.#timeouts.quickCallMs },
        done,
      ),
    );
    return response.known;
  }

  async validate(config: Readonly<Record<string, string>>): Promise<readonly Violation[]> {
    const deadline = Date.now() + this.#timeouts.quickCallMs;
    const response = await unary<{ violations: Violation[] }>((done) =>
      this.#client.validate({ config: { ...config } }, new Metadata(), { deadline }, done),
    );
    return response.violations;
  }

  async probe(
    config: Readonly<Record<string, string>>,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<ProbeReport> {
    if (!this.description.capabilities.probe) {
      throw new HostError("NOT_SUPPORTED", `executor "${this.description.name}" has no probe`);
    }
    const deadline = Date.now() + options.timeoutMs;
    return unary<ProbeReport>((done) => {
      const call = this.#client.probe({ config: { ...config } }, new Metadata(), { deadline }, done);
      options.signal?.addEventListener("abort", () => call.cancel(), { once: true });
      return call;
    });
  }

  #call(request: AttemptRequest, onEvent: (frame: EventFrame) => void): RunningCall {
    const { path, requestSerialize } = ExecutorServiceService.execute;
    const { promise, resolve } = Promise.withResolvers<CallEnd>();
    const call = new MessageStream(this.#client.getChannel(), path, requestSerialize(requestToProto(request)), {
      // Output is routed without being decoded.
      onMessage(message) {
        try {
          for (const frame of parseEventFrames(message)) onEvent(frame);
        } catch (error) {
          resolve({ ok: false, error: new HostError("PROTOCOL_VIOLATION", `it sent no event: ${messageOf(error)}`) });
          call.cancel();
        }
      },
      onEnd: (end) => {
        this.#running.delete(call);
        resolve(end.code === status.OK ? { ok: true } : { ok: false, error: fromStatus(end) });
      },
    });
    this.#running.add(call);
    return {
      pause: () => call.pause(),
      resume: () => call.resume(),
      abort: () => call.cancel(),
      ended: promise,
    };
  }
}

function requestToProto(request: AttemptRequest): ExecuteRequest {
  return {
    executionId: request.executionId,
    attempt: request.attempt,
    jobName: request.jobName,
    config: { ...request.config },
    deadline: request.deadlineMs === undefined ? undefined : toTimestamp(request.deadlineMs),
    traceContext: { ...request.traceContext },
    labels: { ...request.labels },
    heartbeatTimeout: request.heartbeatTimeoutMs === undefined ? undefined : toDuration(request.heartbeatTimeoutMs),
    heartbeatDetails: request.heartbeatDetails,
    recall: request.recall && { reason: request.recall.reason, grace: toDuration(request.recall.graceMs) },
  };
}

function descriptionFromProto(response: DescribeResponse): ExecutorDescription {
  return {
    name: response.name,
    version: response.version,
    summary: response.summary,
    configSchema: response.configSchema,
    capabilities: response.capabilities ?? Capabilities.create({ maxConcurrentExecutions: 1 }),
  };
}

function unary<Response>(start: (done: (error: ServiceError | null, response: Response) => void) => unknown) {
  return new Promise<Response>((resolve, reject) => {
    start((error, response) => (error === null ? resolve(response) : reject(fromStatus(error))));
  });
}
