import type { Server } from "@grpc/grpc-js";
import { GRPCStdioService, type GRPCStdioServer, type StdioData } from "@executor-host/proto/goplugin";
import { limits } from "../protocol/defaults.ts";

type StdioCall = Parameters<GRPCStdioServer["streamStdio"]>[0];

/**
 * Output on its way to the host.
 *
 * Bounded: nobody may be reading, and a plugin must not stall on its own prints. The oldest output is dropped then, and counted.
 */
export class StdioRelay {
  readonly #maxBytes: number;
  readonly #queue: StdioData[] = [];
  #queuedBytes = 0;
  #droppedBytes = 0;
  #call: StdioCall | undefined;

  constructor(maxBytes: number = limits.stdioBufferBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Output that no host has ever seen, in bytes. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  write(channel: StdioData["channel"], data: Buffer): void {
    for (let at = 0; at < data.length; at += limits.stdioChunkBytes) {
      this.#queue.push({ channel, data: data.subarray(at, at + limits.stdioChunkBytes) });
    }
    this.#queuedBytes += data.length;
    this.#flush();
    while (this.#queuedBytes > this.#maxBytes) this.#droppedBytes += this.#shift()?.data.length ?? 0;
  }

  /** Take out what no host has read. */
  takeUnread(): Buffer {
    this.#queuedBytes = 0;
    return Buffer.concat(this.#queue.splice(0).map(({ data }) => data));
  }

  addTo(server: Server): void {
    const service: GRPCStdioServer = { streamStdio: (call) => this.#attach(call) };
    server.addService(GRPCStdioService, service);
  }

  /** End the host's stream; resolves when what it took has left the process. */
  async end(): Promise<void> {
    const call = this.#call;
    if (call === undefined) return;
    this.#call = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    call.once("close", resolve).once("finish", resolve).once("cancelled", resolve);
    call.end();
    await promise;
  }

  /** A later caller takes over: a host that attaches again must not compete with its predecessor. */
  #attach(call: StdioCall): void {
    this.#call?.end();
    this.#call = call;
    const detach = (): void => {
      if (this.#call === call) this.#call = undefined;
    };
    call.on("drain", () => this.#flush());
    call.on("cancelled", detach);
    call.on("close", detach);
    this.#flush();
  }

  #flush(): void {
    while (this.#call !== undefined && !this.#call.writableNeedDrain) {
      const data = this.#shift();
      if (data === undefined) return;
      this.#call.write(data);
    }
  }

  #shift(): StdioData | undefined {
    const data = this.#queue.shift();
    this.#queuedBytes -= data?.data.length ?? 0;
    return data;
  }
}
