import {
  credentials,
  Client,
  Metadata,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import {
  ExecuteRequest,
  ExecuteResponse,
  StatusUpdateRequest,
  StatusUpdateResponse,
} from "@executor-host/proto/dkron/types-v1";
import type { BrokeredServer, LogEntry, PluginProcess } from "@executor-host/goplugin/client";
import { appVersions } from "@executor-host/proto/shared/executor-link";
import { fromStatus } from "@executor-host/proto/shared/status";
import type { ConfigText } from "../config/define-config.ts";
import { answer } from "../grpc/answer.ts";
import { launchProcess, type Command, type LaunchProcessOptions } from "./launch-process.ts";

/** Dkron's names for its contract and its callback, by the version that introduced them. */
export const dkronEras = {
  "v1.2.0": { service: "dkron.Executor", callback: undefined },
  "v2.2.0": { service: "types.Executor", callback: "types.StatusHelper" },
  "v4.0.9": { service: "types.v1.ExecutorService", callback: "types.v1.StatusHelperService" },
} as const;

export type DkronEra = keyof typeof dkronEras;

/** What Dkron gets to see of an execution. */
export interface DkronRun {
  readonly output: Buffer;
  /** Empty means success. */
  readonly error: string;
  /** Live output, in the order of arrival. */
  readonly updates: readonly { readonly output: Buffer; readonly isStderr: boolean }[];
}

export interface DkronRunOptions {
  readonly jobName?: string;
  /** Speak as this version of Dkron does; default "v4.0.9". */
  readonly era?: DkronEra;
  /** Use this broker id for the callback, instead of serving one. */
  readonly statusServer?: number;
  /** Answers each live update; default at once. */
  readonly onUpdate?: (output: Buffer, isStderr: boolean) => void | Promise<void>;
}

/** An executor in a process of its own, reached as Dkron reaches it. */
export interface DkronLaunchedExecutor extends AsyncDisposable {
  readonly plugin: PluginProcess;
  /** What it has logged so far. */
  readonly logs: readonly LogEntry[];
  /** @returns the first log entry that matches, past ones included @throws when the process ends without one */
  waitForLog(matches: (entry: LogEntry) => boolean): Promise<LogEntry>;
  /** @throws {HostError} when the call itself fails */
  execute(config: ConfigText, options?: DkronRunOptions): Promise<DkronRun>;
}

/** Launch an executor and speak Dkron's contract with it, callback included. */
export async function launchForDkron(
  command: Command,
  options: LaunchProcessOptions = {},
): Promise<DkronLaunchedExecutor> {
  // Dkron does not use TLS on the link.
  const launched = await launchProcess(command, appVersions.dkron, { autoMtls: false, ...options });
  const { plugin, logs } = launched;
  return {
    plugin,
    logs: logs.entries,
    waitForLog: (matches) => logs.waitFor(matches),
    execute: (config, runOptions) => execute(plugin, config, runOptions),
    [Symbol.asyncDispose]: () => launched[Symbol.asyncDispose](),
  };
}

async function execute(
  plugin: PluginProcess,
  config: ConfigText,
  { jobName = "", era = "v4.0.9", onUpdate, ...options }: DkronRunOptions = {},
): Promise<DkronRun> {
  const { service, callback } = dkronEras[era];
  const updates: { output: Buffer; isStderr: boolean }[] = [];
  let statusServer = options.statusServer ?? 0;
  let server: BrokeredServer | undefined;
  if (callback !== undefined && options.statusServer === undefined) {
    statusServer = plugin.broker.nextId();
    server = await plugin.broker.serve(statusServer, (grpc) =>
      grpc.addService(callbackDefinition(callback), {
        update(
          call: ServerUnaryCall<StatusUpdateRequest, StatusUpdateResponse>,
          done: sendUnaryData<StatusUpdateResponse>,
        ) {
          const { output, error: isStderr } = call.request;
          updates.push({ output, isStderr });
          void answer(done, async () => {
            await onUpdate?.(output, isStderr);
            return { r: 0 };
          });
        },
      }),
    );
  }
  try {
    const response = await callExecute(plugin, service, { jobName, config: { ...config }, statusServer });
    return { ...response, updates };
  } finally {
    await server?.close();
  }
}

function callExecute(plugin: PluginProcess, service: string, request: ExecuteRequest): Promise<ExecuteResponse> {
  const client = new Client("executor", credentials.createInsecure(), plugin.clientOptions);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${service}/Execute`,
      (value: ExecuteRequest) => Buffer.from(ExecuteRequest.encode(value).finish()),
      (bytes) => ExecuteResponse.decode(bytes),
      request,
      new Metadata(),
      (error, response) =>
        response === undefined
          ? reject(error === null ? new TypeError("no response") : fromStatus(error))
          : resolve(response),
    );
  });
}

function callbackDefinition(service: string): ServiceDefinition {
  return {
    update: {
      path: `/${service}/Update`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: StatusUpdateRequest) => Buffer.from(StatusUpdateRequest.encode(value).finish()),
      requestDeserialize: (bytes: Buffer) => StatusUpdateRequest.decode(bytes),
      responseSerialize: (value: StatusUpdateResponse) => Buffer.from(StatusUpdateResponse.encode(value).finish()),
      responseDeserialize: (bytes: Buffer) => StatusUpdateResponse.decode(bytes),
    },
  };
}
