import { Metadata, status, type ClientUnaryCall, type Server, type ServiceError } from "@grpc/grpc-js";
import type { BrokeredServer, PluginProcess } from "@executor-host/goplugin/client";
import { ExecutorClient as OldestClient } from "@executor-host/proto/dkron";
import {
  ExecutorClient as OlderClient,
  StatusHelperService as OlderStatusHelper,
} from "@executor-host/proto/dkron/types";
import {
  ExecutorServiceClient as CurrentClient,
  StatusHelperServiceService as CurrentStatusHelper,
  type ExecuteRequest,
  type ExecuteResponse,
  type StatusHelperServiceServer,
} from "@executor-host/proto/dkron/types-v1";
import { Channel } from "@executor-host/proto/executor";
import { HostError, isHostError } from "@executor-host/proto/shared/error";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import type { EventFrame } from "@executor-host/proto/shared/frame";
import { fromStatus } from "@executor-host/proto/shared/status";
import { makeResult, type ExecutorDescription, type ProbeReport, type Result, type Violation } from "../model/model.ts";
import { EventMaker } from "./event-maker.ts";
import type { AttemptRequest, CallEnd, CancelDisposition, ExecutorLink, RunningCall } from "./link.ts";
import { StreamedOutput } from "./streamed-output.ts";

/** An executor's service under one of its three historic names; the messages never changed. */
interface ExecutorClient {
  execute(
    request: ExecuteRequest,
    metadata: Metadata,
    done: (error: ServiceError | null, response: ExecuteResponse) => void,
  ): ClientUnaryCall;
}

/**
 * Speaks Dkron's contract, application version 1: one unary call, output through a callback, no cancel.
 *
 * Source: Dkron, plugin/executor.go. Its executors dial the callback before they start, so that it must be there for every call.
 */
export class DkronLink implements ExecutorLink {
  readonly protocolVersion = appVersions.dkron;
  readonly description: ExecutorDescription;
  readonly #plugin: PluginProcess;
  /** Newest first. The first that is not UNIMPLEMENTED stays; asking costs nothing, as an unknown service runs no code. */
  #clients: ExecutorClient[];

  constructor(plugin: PluginProcess, name: string) {
    this.#plugin = plugin;
    this.#clients = [plugin.client(CurrentClient), plugin.client(OlderClient), plugin.client(OldestClient)];
    this.description = {
      name,
      version: "",
      summary: "speaks Dkron's contract",
      configSchema: "",
      capabilities: {
        cancel: false,
        attach: false,
        probe: false,
        idempotent: false,
        maxConcurrentExecutions: 1,
        heartbeat: false,
        setDeadline: true, // it was never told of one
      },
    };
  }

  execute(request: AttemptRequest, onEvent: (frame: EventFrame) => void): RunningCall {
    return new DkronCall(this.#plugin, request, onEvent, (execute, done) => this.#call(execute, done));
  }

  async cancel(): Promise<CancelDisposition> {
    throw this.#notSupported("cancel");
  }

  async setDeadline(): Promise<boolean> {
    return true; // it was never told of one
  }

  async validate(): Promise<readonly Violation[]> {
    return []; // it cannot be asked
  }

  async probe(): Promise<ProbeReport> {
    throw this.#notSupported("probe");
  }

  #call(request: ExecuteRequest, done: (error: ServiceError | null, response?: ExecuteResponse) => void): () => void {
    const [client, ...older] = this.#clients;
    let cancel = () => {};
    const call = client?.execute(request, new Metadata(), (error, response) => {
      if (error?.code !== status.UNIMPLEMENTED || older.length === 0) return done(error, response);
      this.#clients = older;
      cancel = this.#call(request, done);
    });
    cancel = () => call?.cancel();
    return () => cancel();
  }

  #notSupported(what: string): HostError {
    return new HostError(
      "NOT_SUPPORTED",
      `executor "${this.description.name}" speaks Dkron's contract, which has no ${what}`,
    );
  }
}

type StartCall = (
  request: ExecuteRequest,
  done: (error: ServiceError | null, response?: ExecuteResponse) => void,
) => () => void;

class DkronCall implements RunningCall {
  readonly ended: Promise<CallEnd>;
  readonly #events: EventMaker;
  readonly #streamed = new StreamedOutput();
  #cancel = () => {};
  #aborted = false;
  /** Callbacks whose answer is held back while events are not read. */
  #held: (() => void)[] | undefined;

  constructor(plugin: PluginProcess, request: AttemptRequest, onEvent: (frame: EventFrame) => void, start: StartCall) {
    this.#events = new EventMaker(onEvent);
    this.ended = this.#run(plugin, request, start);
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  abort(): void {
    this.#aborted = true;
    this.#cancel();
  }

  async #run(plugin: PluginProcess, request: AttemptRequest, start: StartCall): Promise<CallEnd> {
    let callback: BrokeredServer | undefined;
    try {
      const id = plugin.broker.nextId();
      callback = await plugin.broker.serve(id, (server) => this.#addCallback(server));
      // Whether work has begun cannot be seen from here: it counts as begun with the call.
      this.#events.started("");
      const response = await new Promise<ExecuteResponse>((resolve, reject) => {
        if (this.#aborted) return reject(new HostError("PLUGIN_EXITED", "the call was dropped"));
        this.#cancel = start(
          { jobName: request.jobName, config: { ...request.config }, statusServer: id },
          (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
        );
      });
      this.#events.output(Channel.STDOUT, this.#streamed.missingIn(response.output));
      this.#events.result(verdict(response.error));
      return { ok: true };
    } catch (error) {
      const refused = refusal(error as ServiceError);
      if (refused === undefined)
        return { ok: false, error: isHostError(error) ? error : fromStatus(error as ServiceError) };
      this.#events.result(refused);
      return { ok: true };
    } finally {
      // Nobody waits for that: what comes by it after the answer means nothing.
      void callback?.close();
    }
  }

  #addCallback(server: Server): void {
    const update: StatusHelperServiceServer["update"] = ({ request }, done) => {
      const channel = request.error ? Channel.STDERR : Channel.STDOUT;
      this.#streamed.push(channel, request.output);
      this.#events.output(channel, request.output);
      const answer = () => done(null, { r: 0 });
      if (this.#held === undefined) answer();
      else this.#held.push(answer);
    };
    server.addService(CurrentStatusHelper, { update });
    server.addService(OlderStatusHelper, { update });
  }
}

function verdict(error: string): Result {
  return error === ""
    ? makeResult("SUCCEEDED", { effect: "HAPPENED" })
    : makeResult("FAILED", { message: error, code: "JOB_FAILED" });
}

/** Answers that are a verdict on the job rather than a broken link. */
function refusal(error: ServiceError): Result | undefined {
  switch (error.code) {
    case status.UNKNOWN: // how executors built before Dkron v1.2.0 say that a job failed
      return makeResult("FAILED", { message: error.details, code: "JOB_FAILED" });
    case status.RESOURCE_EXHAUSTED:
      return makeResult("REJECTED", {
        message: `the executor refuses the request: ${error.details}`,
        hint: "executors of Dkron's contract take at most 4 MiB",
        code: "REQUEST_TOO_LARGE",
        effect: "NONE",
      });
    case status.UNIMPLEMENTED:
      return makeResult("REJECTED", {
        message: "the executor serves Dkron's contract under no name this host knows",
        code: "PROTOCOL_VIOLATION",
        effect: "NONE",
      });
    default:
      return undefined;
  }
}
