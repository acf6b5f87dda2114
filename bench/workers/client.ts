// The scheduler's side: calls a host in another process.
import { createHash } from "node:crypto";
import { kill } from "node:process";
import { credentials, Metadata } from "@grpc/grpc-js";
import { ExecuteResponse, HostServiceClient, HostServiceService, type ExecuteRequest } from "@executor-host/proto/host";
import { HostClient } from "../../host/client/client.ts";
import { requestToProto } from "../../host/client/convert.ts";
import { channelOptions } from "../../host/client/defaults.ts";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { burst, type BurstOptions } from "../lib/burst.ts";
import { growthWithin } from "../lib/proc.ts";
import { answer } from "../lib/worker.ts";

/** `client` is our own typed client, `grpc` a bare gRPC client that decodes nothing but the last message. */
export type ClientKind = "client" | "grpc";

interface Call {
  readonly kind: ClientKind;
  readonly request: ExecutionRequest;
}

interface Received {
  readonly outputBytes: number;
  readonly elapsedMs: number;
  readonly sha256?: string;
}

const stallAfterBytes = 16e6;

let connection: { client: HostClient; stub: HostServiceClient } | undefined;

const handlers = {
  /** Leave the host of before, and turn to this one. */
  async connect({ address }: { address: string }): Promise<void> {
    await close();
    const client = await HostClient.connect(address);
    connection = { client, stub: new HostServiceClient(address, credentials.createInsecure(), channelOptions) };
    await new Promise<void>((resolve, reject) => {
      connection?.stub.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve()));
    });
  },

  burst({ kind, request, ...options }: Call & BurstOptions) {
    return burst(options, () => (kind === "client" ? executeWithClient(request) : executeWithGrpc(request)));
  },

  /** Follow one execution that writes much. */
  async receive({ kind, request, sha256 = false }: Call & { sha256?: boolean }): Promise<Received> {
    const startedMs = performance.now();
    if (kind === "grpc")
      return { outputBytes: await executeWithGrpc(request), elapsedMs: performance.now() - startedMs };
    const hash = sha256 ? createHash("sha256") : undefined;
    const outputBytes = await executeWithClient(request, (data) => void hash?.update(data));
    return { outputBytes, elapsedMs: performance.now() - startedMs, ...(hash && { sha256: hash.digest("hex") }) };
  },

  /** As `receive`, but reads nothing for a while. @param pids whose memory is watched meanwhile, beside this process's own */
  async stall({ request, stallMs, pids }: { request: ExecutionRequest; stallMs: number; pids: readonly number[] }) {
    const hash = createHash("sha256");
    let outputBytes = 0;
    let during: { growthMb: readonly number[]; journaledMb: number } | undefined;
    const journaledBytes = async () => (await connected().client.get(request.id ?? "")).output.stdoutBytes;
    await executeWithClient(request, async (data) => {
      hash.update(data);
      outputBytes += data.length;
      if (during !== undefined || outputBytes < stallAfterBytes) return;
      const before = await journaledBytes();
      const growthMb = await growthWithin(stallMs, [process.pid, ...pids]);
      during = { growthMb, journaledMb: ((await journaledBytes()) - before) / 1e6 };
    });
    if (during === undefined) throw new Error(`the job wrote only ${outputBytes} bytes`);
    return { ...during, sha256: hash.digest("hex") };
  },

  /** From SIGKILL of the executor's process to the result at this client, in milliseconds. */
  async crash({ request }: { request: ExecutionRequest }): Promise<number> {
    const { client } = connected();
    let killedMs = Number.NaN;
    for await (const event of client.execute(request)) {
      if (event.type === "started") {
        const pid = await executorPid(request.executor);
        killedMs = performance.now();
        kill(pid, "SIGKILL");
      }
      if (event.type === "result" && event.result.outcome !== "EXECUTOR_CRASHED") {
        throw new Error(`the crash ended ${event.result.outcome}: ${event.result.message}`);
      }
    }
    return performance.now() - killedMs;
  },

  executorPid: ({ executor }: { executor: string }) => executorPid(executor),
};

export type ClientWorker = typeof handlers;

answer(handlers, close);

function connected(): NonNullable<typeof connection> {
  if (connection === undefined) throw new Error("connect first");
  return connection;
}

async function close(): Promise<void> {
  connection?.stub.close();
  await connection?.client[Symbol.asyncDispose]();
  connection = undefined;
}

async function executorPid(executor: string): Promise<number> {
  const { executors } = await connected().client.listExecutors();
  const pid = executors.find(({ name }) => name === executor)?.processes[0]?.pid;
  if (pid === undefined) throw new Error(`no process of executor ${executor} is running`);
  return pid;
}

/** @returns bytes of output; throws unless the execution succeeds */
async function executeWithClient(
  request: ExecutionRequest,
  onOutput?: (data: Buffer) => void | Promise<void>,
): Promise<number> {
  let bytes = 0;
  let outcome = "none";
  for await (const event of connected().client.execute(request)) {
    if (event.type === "result") outcome = `${event.result.outcome} ${event.result.message}`.trim();
    if (event.type !== "output") continue;
    bytes += event.data.length;
    const busy = onOutput?.(event.data);
    if (busy !== undefined) await busy;
  }
  if (outcome !== "SUCCEEDED") throw new Error(`execution ended ${outcome}`);
  return bytes;
}

/** @returns bytes of all messages; throws unless the execution succeeds */
function executeWithGrpc(request: ExecutionRequest): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const call = connected().stub.makeServerStreamRequest(
    HostServiceService.execute.path,
    HostServiceService.execute.requestSerialize,
    (message: Buffer) => message,
    { spec: requestToProto(request), cancelOnDisconnect: false } satisfies ExecuteRequest,
    new Metadata(),
    {},
  );
  let bytes = 0;
  let last: Buffer | undefined;
  call.on("data", (message: Buffer) => {
    bytes += message.length;
    last = message;
  });
  call.on("error", reject);
  call.on("end", () => {
    const result = ExecuteResponse.decode(last ?? Buffer.of()).events.at(-1)?.kind;
    if (result?.$case === "result" && result.value.outcome === 1) resolve(bytes);
    else reject(new Error(`execution ended ${JSON.stringify(result)}`));
  });
  return promise;
}
