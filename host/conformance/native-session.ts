import { randomUUID } from "node:crypto";
import { Metadata } from "@grpc/grpc-js";
import type { PluginProcess } from "@executor-host/goplugin/client";
import {
  ExecuteRequest,
  ExecutorServiceClient,
  type CancelResponse,
  type DescribeResponse,
  type ProbeResponse,
  type SetDeadlineResponse,
  type ValidateResponse,
  type Violation,
} from "@executor-host/proto/executor";
import { toDuration } from "@executor-host/proto/shared/time";
import { ask, valueOf, type Answer } from "./calls.ts";
import { ExecutionCall } from "./execution-call.ts";
import type { Launched } from "./launched.ts";
import type { Config } from "./options.ts";

/** A process that speaks `executor.v1`, and its calls. */
export class NativeSession {
  readonly plugin: PluginProcess;
  /** By which its processes are found. */
  readonly tag: string;
  readonly #client: ExecutorServiceClient;
  readonly #limitMs: number;

  constructor({ plugin, tag }: Launched, limitMs: number) {
    this.plugin = plugin;
    this.tag = tag;
    this.#client = plugin.client(ExecutorServiceClient);
    this.#limitMs = limitMs;
  }

  describe(): Promise<Answer<DescribeResponse>> {
    return ask(this.#limitMs, (options, done) => this.#client.describe({}, new Metadata(), options, done));
  }

  /** @throws {VerdictError} failed, when the call fails */
  async violations(config: Config): Promise<readonly Violation[]> {
    return valueOf("Validate", await this.validate(config)).violations;
  }

  validate(config: Config): Promise<Answer<ValidateResponse>> {
    const request = { config: { ...config } };
    return ask(this.#limitMs, (options, done) => this.#client.validate(request, new Metadata(), options, done));
  }

  probe(config: Config): Promise<Answer<ProbeResponse>> {
    const request = { config: { ...config } };
    return ask(this.#limitMs, (options, done) => this.#client.probe(request, new Metadata(), options, done));
  }

  cancel(executionId: string, graceMs: number): Promise<Answer<CancelResponse>> {
    const request = { executionId, reason: "the conformance kit asks", grace: toDuration(graceMs) };
    return ask(this.#limitMs, (options, done) => this.#client.cancel(request, new Metadata(), options, done));
  }

  setDeadline(
    executionId: string,
    attempt: number,
    deadline: ExecuteRequest["deadline"],
  ): Promise<Answer<SetDeadlineResponse>> {
    const request = { executionId, attempt, deadline };
    return ask(this.#limitMs, (options, done) => this.#client.setDeadline(request, new Metadata(), options, done));
  }

  /** @param more what differs from a plain request with an id of its own */
  execute(config: Config, more: Partial<ExecuteRequest> = {}): ExecutionCall {
    const request = ExecuteRequest.create({
      executionId: `conformance-${randomUUID()}`,
      attempt: 1,
      jobName: "conformance",
      config: { ...config },
      ...more,
    });
    return new ExecutionCall(request.executionId, this.#client.execute(request));
  }

  attach(executionId: string, fromSequence: number): ExecutionCall {
    return new ExecutionCall(executionId, this.#client.attach({ executionId, fromSequence }));
  }
}
