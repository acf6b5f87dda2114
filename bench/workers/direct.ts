// One hop: launches an executor and calls it without a host in between.
import { createHash } from "node:crypto";
import { Metadata, type ClientReadableStream } from "@grpc/grpc-js";
import { launchPlugin, type PluginProcess } from "@executor-host/goplugin/client";
import { ExecuteRequest, ExecutorServiceClient, ExecutorServiceService } from "@executor-host/proto/executor";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import { parseEventFrames, parseOutput } from "@executor-host/proto/shared/frame";
import { burst, type BurstOptions } from "../lib/burst.ts";
import { findDescendant, growthWithin, writtenBytes } from "../lib/proc.ts";
import { answer } from "../lib/worker.ts";

type Config = Readonly<Record<string, string>>;

const stallAfterBytes = 16e6;

let plugin: PluginProcess | undefined;
let executor: ExecutorServiceClient | undefined;
let lastId = 0;

const handlers = {
  async launch({
    command,
    directory,
    env = {},
  }: {
    command: string;
    directory: string;
    env?: Config;
  }): Promise<number> {
    await plugin?.stop();
    plugin = await launchPlugin({
      command,
      env: { PATH: process.env["PATH"] ?? "", ...env },
      magicCookie,
      appVersions: [appVersions.native],
      runtimeDir: directory,
    });
    executor = plugin.client(ExecutorServiceClient);
    return plugin.pid;
  },

  stop: async () => void (await plugin?.stop()),

  burst({ config, ...options }: { config: Config } & BurstOptions) {
    return burst(options, () => ended(execute(config)));
  },

  async receive({ config, sha256 = false }: { config: Config; sha256?: boolean }) {
    const startedMs = performance.now();
    const hash = sha256 ? createHash("sha256") : undefined;
    let outputBytes = 0;
    await ended(
      execute(config, (data) => {
        outputBytes += data.length;
        hash?.update(data);
      }),
    );
    return { outputBytes, elapsedMs: performance.now() - startedMs, sha256: hash?.digest("hex") };
  },

  /** Read nothing for a while, and see how much the job gets rid of meanwhile. @param writer the name of the job's program */
  async stall({ config, stallMs, writer }: { config: Config; stallMs: number; writer: string }) {
    const pid = plugin?.pid ?? 0;
    const hash = createHash("sha256");
    let outputBytes = 0;
    let stalled: Promise<{ growthMb: readonly number[]; inFlightMb: number }> | undefined;
    const stall = async () => {
      call.pause();
      const job = findDescendant(pid, writer);
      if (job === undefined) throw new Error(`no job runs ${writer}`);
      const growthMb = await growthWithin(stallMs, [process.pid, pid]);
      const inFlightMb = (writtenBytes(job) - outputBytes) / 1e6;
      call.resume();
      return { growthMb, inFlightMb };
    };
    const call = execute(config, (data) => {
      hash.update(data);
      outputBytes += data.length;
      if (outputBytes >= stallAfterBytes) stalled ??= stall();
    });
    await ended(call);
    return { ...(await stalled), sha256: hash.digest("hex") };
  },
};

export type DirectWorker = typeof handlers;

answer(handlers, handlers.stop);

function execute(config: Config, onOutput?: (data: Buffer) => void): ClientReadableStream<Buffer> {
  if (executor === undefined) throw new Error("launch first");
  const call = executor.makeServerStreamRequest(
    ExecutorServiceService.execute.path,
    ExecutorServiceService.execute.requestSerialize,
    (message: Buffer) => message,
    ExecuteRequest.fromPartial({ executionId: `direct-${++lastId}`, attempt: 1, config: { ...config } }),
    new Metadata(),
    {},
  );
  call.on("data", (message: Buffer) => {
    if (onOutput === undefined) return;
    for (const { kind, payload } of parseEventFrames(message))
      if (kind === "output") onOutput(parseOutput(payload).data);
  });
  return call;
}

function ended(call: ClientReadableStream<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    call.on("error", reject);
    call.on("end", resolve);
  });
}
