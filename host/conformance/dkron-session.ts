import { Metadata, status, type ClientUnaryCall, type Server, type ServiceError } from "@grpc/grpc-js";
import type { PluginProcess } from "@executor-host/goplugin/client";
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
import { setTimeout as sleep } from "node:timers/promises";
import { ask, type Answer } from "./calls.ts";
import type { Launched } from "./launched.ts";
import type { Config } from "./options.ts";

/** Names of one and the same service, newest first, and who calls it by them. */
export const services = {
  "types.v1.ExecutorService": "Dkron 4.0.9 and later",
  "types.Executor": "Dkron 2.1 to 4.0.8",
  "dkron.Executor": "Dkron 0.10 to 2.0",
} as const;

export type ServiceName = keyof typeof services;

/** What one call brought. */
export interface DkronRun {
  readonly answer: Answer<ExecuteResponse>;
  readonly tookMs: number;
  /** Whether it was answered before its callback could be reached. */
  readonly isAnsweredEarly: boolean;
}

interface Client {
  execute(
    request: ExecuteRequest,
    metadata: Metadata,
    options: object,
    done: (error: ServiceError | null, response: ExecuteResponse) => void,
  ): ClientUnaryCall;
}

/** A process that speaks Dkron's contract, and its one call. */
export class DkronSession {
  readonly #clients: Readonly<Record<ServiceName, Client>>;
  readonly #plugin: PluginProcess;
  readonly #limitMs: number;

  constructor({ plugin }: Launched, limitMs: number) {
    this.#limitMs = limitMs;
    this.#plugin = plugin;
    this.#clients = {
      "types.v1.ExecutorService": plugin.client(CurrentClient),
      "types.Executor": plugin.client(OlderClient),
      "dkron.Executor": plugin.client(OldestClient),
    };
  }

  /** @param announceAfterMs how long the executor has to wait for its callback; default not at all */
  async execute(name: ServiceName, config: Config, announceAfterMs = 0): Promise<DkronRun> {
    const startedMs = performance.now();
    const id = this.#plugin.broker.nextId();
    const request = { jobName: "conformance", config: { ...config }, statusServer: id };
    let isAnswered = false;
    const answered = ask<ExecuteResponse>(this.#limitMs, (options, done) =>
      this.#clients[name].execute(request, new Metadata(), options, (error, response) => {
        isAnswered = true;
        done(error, response);
      }),
    );
    if (announceAfterMs > 0) await sleep(announceAfterMs);
    const isAnsweredEarly = isAnswered;
    await using _callback = await this.#plugin.broker.serve(id, addCallback);
    return { answer: await answered, tookMs: performance.now() - startedMs, isAnsweredEarly };
  }
}

/** Is the service there under this name? */
export function isServed({ answer }: DkronRun): boolean {
  return answer.ok || answer.code !== status.UNIMPLEMENTED;
}

function addCallback(server: Server): void {
  const update: StatusHelperServiceServer["update"] = (_call, done) => done(null, { r: 0 });
  server.addService(CurrentStatusHelper, { update });
  server.addService(OlderStatusHelper, { update });
}
