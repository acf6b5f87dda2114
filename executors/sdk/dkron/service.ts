import { randomUUID } from "node:crypto";
import type { sendUnaryData, Server, ServerUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { ExecuteRequest, ExecuteResponse } from "@executor-host/proto/dkron/types-v1";
import type { Broker } from "@executor-host/goplugin/server";
import { messageOf } from "@executor-host/proto/shared/error";
import { answer } from "../grpc/answer.ts";
import type { ExecutorRuntime } from "../runtime/executor-runtime.ts";
import { DkronSink } from "./dkron-sink.ts";
import { StatusUpdates } from "./status-updates.ts";

/**
 * The names Dkron has given to one and the same contract, and to its callback; the first had none.
 *
 * Source: Dkron's generated code at v1.2.0, v2.2.0 and v4.0.9.
 */
const eras = [
  { service: "dkron.Executor", update: undefined },
  { service: "types.Executor", update: "/types.StatusHelper/Update" },
  { service: "types.v1.ExecutorService", update: "/types.v1.StatusHelperService/Update" },
] as const;

interface DkronOptions<C> {
  readonly server: Server;
  readonly broker: Pick<Broker, "dial">;
  readonly runtime: ExecutorRuntime<C>;
}

/** Serve an executor by Dkron's contract, under each of its names. */
export function addDkronServices<C>({ server, broker, runtime }: DkronOptions<C>): void {
  for (const { service, update } of eras) {
    server.addService(definition(service), {
      execute(call: ServerUnaryCall<ExecuteRequest, ExecuteResponse>, done: sendUnaryData<ExecuteResponse>) {
        void answer(done, () => execute(call, update));
      },
    });
  }

  async function execute(
    call: ServerUnaryCall<ExecuteRequest, ExecuteResponse>,
    update: string | undefined,
  ): Promise<ExecuteResponse> {
    const { jobName, config, statusServer } = call.request;
    const updates = update === undefined || statusServer === 0 ? undefined : await dial(statusServer, update);
    try {
      const sink = new DkronSink(updates);
      const run = runtime.start(
        {
          id: `dkron-${randomUUID()}`,
          attempt: 1,
          jobName,
          config,
          deadline: undefined,
          heartbeatTimeoutMs: undefined,
          heartbeatDetails: undefined,
          labels: {},
          traceContext: {},
          protocol: "dkron",
        },
        sink,
      );
      const force = (): void => run.force("the host dropped the call");
      if (call.cancelled) force();
      else call.on("cancelled", force);
      return sink.response(await run.finished);
    } catch (error) {
      // There was no room for it. Dkron takes a failure as text; the status is OK either way.
      return { output: Buffer.alloc(0), error: messageOf(error) };
    } finally {
      await updates?.close();
    }
  }

  /** Before any work, as Go executors do: the host forgets its announcement after a few seconds. */
  async function dial(id: number, path: string): Promise<StatusUpdates | undefined> {
    try {
      return new StatusUpdates(await broker.dial(id), path, runtime.logger);
    } catch (error) {
      // Live output is a comfort; the job itself matters more.
      runtime.logger.warn("no live output: the host's callback cannot be reached", { id, error: messageOf(error) });
      return undefined;
    }
  }
}

function definition(service: string): ServiceDefinition {
  return {
    execute: {
      path: `/${service}/Execute`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: ExecuteRequest) => Buffer.from(ExecuteRequest.encode(value).finish()),
      requestDeserialize: (bytes: Buffer) => ExecuteRequest.decode(bytes),
      responseSerialize: (value: ExecuteResponse) => Buffer.from(ExecuteResponse.encode(value).finish()),
      responseDeserialize: (bytes: Buffer) => ExecuteResponse.decode(bytes),
    },
  };
}
