// The scheduler's side: calls a host in another process.
import { createHash, randomUUID } from "node:crypto";
import { kill } from "node:process";
import { credentials, Metadata } from "@grpc/grpc-js";
import { ExecuteResponse, HostServiceClient, HostServiceService, type ExecuteRequest } from "@executor-host/proto/host";
import { HostClient } from "../../host/client/client.ts";
import { requestToProto } from "../../host/client/convert.ts";
import { channelOptions } from "../../host/client/defaults.ts";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { burst, type BurstOptions } from "../lib/burst.ts";
import { growthWithin, isRunning } from "../lib/proc.ts";
import { quantile } from "../lib/stats.ts";
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

  /**
   * From SIGKILL of the executor's process to the result at this client, and from there to the result of an execution in a fresh process, in
   * milliseconds; and when that signal was sent, since the epoch.
   */
  async crash({ request, next }: { request: ExecutionRequest; next: ExecutionRequest }) {
    const { client } = connected();
    let killedMs = Number.NaN;
    let killedAtMs = Number.NaN;
    for await (const event of client.execute(request)) {
      if (event.type === "started") {
        const pid = await executorPid(request.executor);
        killedMs = performance.now();
        killedAtMs = Date.now();
        kill(pid, "SIGKILL");
      }
      if (event.type === "result" && event.result.outcome !== "EXECUTOR_CRASHED") {
        throw new Error(`the crash ended ${event.result.outcome}: ${event.result.message}`);
      }
    }
    const endedMs = performance.now();
    await executeWithClient(next);
    return { ms: endedMs - killedMs, restartMs: performance.now() - endedMs, killedAtMs };
  },

  /**
   * From a cancel to the result, `count` times, one after the other. The job writes the pids of its processes, and then `ready`.
   *
   * Throws unless the host says that nothing is left, and nothing is.
   */
  async kill({ request, graceMs, count }: { request: ExecutionRequest; graceMs: number; count: number }) {
    const latenciesMs: number[] = [];
    for (let index = 0; index < count; index++) latenciesMs.push(await killOnce(request, graceMs));
    return { p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) };
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

/** @returns how long it took */
async function killOnce(request: ExecutionRequest, graceMs: number): Promise<number> {
  const { client } = connected();
  const id = randomUUID();
  let text = "";
  let askedMs = Number.NaN;
  for await (const event of client.execute({ ...request, id })) {
    if (event.type === "output") {
      text += event.data.toString();
      if (!Number.isNaN(askedMs) || !text.includes("ready")) continue;
      askedMs = performance.now();
      await client.cancel(id, { graceMs });
    }
    if (event.type !== "result") continue;
    const tookMs = performance.now() - askedMs;
    const { outcome, stop } = event.result;
    const left = text.split("\n").filter((line) => /^\d+$/.test(line) && isRunning(Number(line)));
    if (outcome !== "CANCELLED" || stop?.survivors.length !== 0 || left.length > 0) {
      throw new Error(`the cancel ended ${outcome}: ${event.result.message}; left: ${left.join(", ")}`);
    }
    return tookMs;
  }
  throw new Error("no result");
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
