import { credentials, status, type ClientUnaryCall, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import * as hostV1 from "@executor-host/proto/host";
import { HostError } from "@executor-host/proto/shared/error";
import { MessageStream } from "@executor-host/proto/shared/message-stream";
import { fromStatus } from "@executor-host/proto/shared/status";
import { toDuration } from "@executor-host/proto/shared/time";
import { limitsToProto, stateToProto } from "../model/convert.ts";
import type { Execution, Limits, ProbeReport, Violation } from "../model/model.ts";
import { formatAddress, parseAddress } from "../settings/address.ts";
import { formatDuration } from "../settings/duration.ts";
import { knock, targetOf } from "./connect.ts";
import { executionFromProto, executorFromProto, outcomeToProto, requestToProto } from "./convert.ts";
import { channelOptions, timeouts } from "./defaults.ts";
import { EventStream } from "./event-stream.ts";
import type {
  ExecutionPage,
  ExecutionRequest,
  ExecutorDetails,
  ExecutorList,
  LimitsAnswer,
  ListFilter,
  Submission,
} from "./types.ts";

export interface CallerOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface QuestionOptions extends CallerOptions {
  /** Until the host has answered, default 120_000; then the call is given up with `DEADLINE_EXCEEDED`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A client of `host.v1`, with our own words instead of generated ones.
 *
 * Every call throws `HostError`: the host's own code and hint, or `HOST_UNREACHABLE` when the host is not there any more. An aborted call
 * throws `signal.reason`.
 */
export class HostClient implements AsyncDisposable {
  readonly #stub: hostV1.HostServiceClient;
  /** Where the host is, as `parseAddress` reads it. */
  readonly address: string;

  private constructor(stub: hostV1.HostServiceClient, address: string) {
    this.#stub = stub;
    this.address = address;
  }

  /**
   * Connect to a host.
   *
   * @param address `unix:/path` or `tcp:HOST:PORT`
   * @param options.timeoutMs until the host has answered, default 5_000; a host that is not there is told at once
   * @throws {HostError} `HOST_UNREACHABLE`, `SPEC_INVALID` for an address that is none
   */
  static async connect(
    address: string,
    { signal, timeoutMs = timeouts.connectMs }: CallerOptions & { readonly timeoutMs?: number } = {},
  ): Promise<HostClient> {
    signal?.throwIfAborted();
    const parsed = parseAddress(address);
    if (parsed === undefined) {
      const hint = "write unix:/path/to.sock or tcp:HOST:PORT";
      throw new HostError("SPEC_INVALID", `not an address of a host: ${address}`, { hint });
    }
    await knock(parsed, timeoutMs, signal);
    const stub = new hostV1.HostServiceClient(targetOf(parsed), credentials.createInsecure(), channelOptions);
    return new HostClient(stub, formatAddress(parsed));
  }

  /**
   * Run an execution and follow it. The call is under way when this returns.
   *
   * The last event is the result. Leaving the stream early leaves the execution running, unless `cancelOnDisconnect` is set.
   */
  execute(
    request: ExecutionRequest,
    { cancelOnDisconnect = false, signal }: CallerOptions & { readonly cancelOnDisconnect?: boolean } = {},
  ): EventStream {
    const { path, requestSerialize } = hostV1.HostServiceService.execute;
    return this.#stream(path, requestSerialize, { spec: requestToProto(request), cancelOnDisconnect }, signal);
  }

  /** Accept an execution without waiting for it. */
  async submit(request: ExecutionRequest, options: QuestionOptions = {}): Promise<Submission> {
    const spec = requestToProto(request);
    const answer = await this.#unary<hostV1.SubmitResponse>((done) => this.#stub.submit({ spec }, done), options);
    return { execution: executionFromProto(existing(answer.execution)), alreadyKnown: answer.alreadyKnown };
  }

  /**
   * Read an execution's events and follow it to its end.
   *
   * @param options.fromSequence first event wanted, default 1
   * @param options.follow wait for more at the newest event, default true
   */
  watch(
    id: string,
    options: CallerOptions & { readonly fromSequence?: number; readonly follow?: boolean } = {},
  ): EventStream {
    const { fromSequence = 1, follow = true, signal } = options;
    const { path, requestSerialize } = hostV1.HostServiceService.watch;
    return this.#stream(path, requestSerialize, { executionId: id, fromSequence, noFollow: !follow }, signal);
  }

  /** One execution as it stands. */
  async get(id: string, options: QuestionOptions = {}): Promise<Execution> {
    const answer = await this.#unary<hostV1.GetResponse>((done) => this.#stub.get({ executionId: id }, done), options);
    return executionFromProto(existing(answer.execution));
  }

  /** One page of executions, newest first. */
  async list(filter: ListFilter = {}, options: QuestionOptions = {}): Promise<ExecutionPage> {
    const request = {
      pageSize: filter.pageSize ?? 0,
      pageToken: filter.pageToken ?? "",
      states: filter.states?.map(stateToProto) ?? [],
      outcomes: filter.outcomes?.map(outcomeToProto) ?? [],
      executor: filter.executor ?? "",
      jobName: filter.jobName ?? "",
      labels: { ...filter.labels },
    };
    const answer = await this.#unary<hostV1.ListResponse>((done) => this.#stub.list(request, done), options);
    return { executions: answer.executions.map(executionFromProto), nextPageToken: answer.nextPageToken };
  }

  /** Ask an execution to stop. Answers with the state after the request was noted. */
  async cancel(
    id: string,
    options: QuestionOptions & { readonly reason?: string | undefined; readonly graceMs?: number | undefined } = {},
  ): Promise<Execution> {
    const { reason = "", graceMs } = options;
    const request = { executionId: id, reason, grace: graceMs === undefined ? undefined : toDuration(graceMs) };
    const answer = await this.#unary<hostV1.CancelResponse>((done) => this.#stub.cancel(request, done), options);
    return executionFromProto(existing(answer.execution));
  }

  /**
   * Change limits of an execution that is not over; what is left out stays as it is. Safe to repeat.
   *
   * @param limits new values, counted from where each limit always counts
   * @param options.lift names of limits to take away, such as `attempt_timeout`
   */
  async changeLimits(
    id: string,
    limits: Limits,
    options: QuestionOptions & { readonly lift?: readonly string[]; readonly reason?: string | undefined } = {},
  ): Promise<LimitsAnswer> {
    const { lift = [], reason = "" } = options;
    const request = { executionId: id, limits: limitsToProto(limits), lift: [...lift], reason };
    const answer = await this.#unary<hostV1.ChangeLimitsResponse>(
      (done) => this.#stub.changeLimits(request, done),
      options,
    );
    return { execution: executionFromProto(existing(answer.execution)), warnings: answer.warnings };
  }

  async listExecutors(options: QuestionOptions = {}): Promise<ExecutorList> {
    const answer = await this.#unary<hostV1.ListExecutorsResponse>(
      (done) => this.#stub.listExecutors({}, done),
      options,
    );
    return { executors: answer.executors.map(executorFromProto), skippedFiles: answer.skippedFiles };
  }

  /** Starts the executor if need be. */
  async describeExecutor(executor: string, options: QuestionOptions = {}): Promise<ExecutorDetails> {
    const answer = await this.#unary<hostV1.DescribeExecutorResponse>(
      (done) => this.#stub.describeExecutor({ executor }, done),
      options,
    );
    return { executor: executorFromProto(existing(answer.executor)), configSchema: answer.configSchema };
  }

  /** @returns what is wrong; empty when the execution would be accepted */
  async validate(request: ExecutionRequest, options: QuestionOptions = {}): Promise<readonly Violation[]> {
    const spec = requestToProto(request);
    const answer = await this.#unary<hostV1.ValidateResponse>((done) => this.#stub.validate({ spec }, done), options);
    return answer.violations;
  }

  /**
   * Can the target of this config be reached? Has no side effect.
   *
   * @param options.timeoutMs for the executor's own look, default the host's
   */
  async probe(
    executor: string,
    config: Readonly<Record<string, string>>,
    options: CallerOptions & { readonly timeoutMs?: number | undefined } = {},
  ): Promise<ProbeReport> {
    const timeout = options.timeoutMs === undefined ? undefined : toDuration(options.timeoutMs);
    const request = { executor, config: { ...config }, timeout };
    return this.#unary<hostV1.ProbeResponse>((done) => this.#stub.probe(request, done), {
      signal: options.signal,
      timeoutMs: (options.timeoutMs ?? 0) + timeouts.callMs,
    });
  }

  /** Ends all calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stub.close();
  }

  #stream<Request>(
    path: string,
    serialize: (request: Request) => Buffer,
    request: Request,
    signal: AbortSignal | undefined,
  ): EventStream {
    return new EventStream({
      start: (listener) => new MessageStream(this.#stub.getChannel(), path, serialize(request), listener),
      toError: this.#toError,
      signal,
    });
  }

  #unary<Response>(
    start: (done: (error: ServiceError | null, response: Response) => void) => ClientUnaryCall,
    { signal, timeoutMs = timeouts.callMs }: QuestionOptions,
  ): Promise<Response> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      let isLate = false;
      const call = start((error, response) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        if (error === null) resolve(response);
        else if (signal?.aborted === true) reject(signal.reason as Error);
        else reject(isLate ? this.#tooLate(timeoutMs) : this.#toError(error));
      });
      const abort = (): void => call.cancel();
      const timer = setTimeout(() => {
        isLate = true;
        call.cancel();
      }, timeoutMs);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #tooLate(timeoutMs: number): HostError {
    return new HostError("DEADLINE_EXCEEDED", `no answer from ${this.address} within ${formatDuration(timeoutMs)}`);
  }

  readonly #toError = (error: StatusObject): HostError => {
    const known = fromStatus(error);
    // A call this side gave up never gets here: it was the host that dropped it.
    const isGone = known.code === "HOST_UNREACHABLE" || error.code === status.CANCELLED;
    if (!isGone) return known;
    return new HostError("HOST_UNREACHABLE", `lost the host at ${this.address}: ${error.details}`, { cause: error });
  };
}

/** The contract says the field is there; a peer that leaves it out is not this software. */
function existing<T>(value: T | undefined): T {
  if (value === undefined) throw new HostError("INTERNAL", "the host's answer lacks what was asked for");
  return value;
}
