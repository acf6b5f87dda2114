import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Channel, ClientReadableStream } from "@grpc/grpc-js";
import { GRPCStdioClient, StdioData_Channel, type StdioData } from "@executor-host/proto/goplugin";
import { linkClient } from "../client/grpc-call.ts";
import { until } from "../fixtures/sandbox.ts";
import { createCredentials } from "../tls/credentials.ts";
import { openChannel } from "../transport/channel.ts";
import { listen, type Listener } from "../transport/listen.ts";
import { StdioRelay } from "./stdio-service.ts";

const { STDOUT, STDERR } = StdioData_Channel;
const credentials = createCredentials(undefined);

/** A relay and a host's end of it. */
class Wire implements AsyncDisposable {
  readonly relay: StdioRelay;
  readonly #directory = mkdtempSync(join(tmpdir(), "stdio-"));
  #listener: Listener | undefined;
  #channel: Channel | undefined;

  constructor(maxBytes?: number) {
    this.relay = new StdioRelay(maxBytes);
  }

  async connect(): Promise<void> {
    const place = { network: "unix", directory: this.#directory } as const;
    this.#listener = await listen(place, credentials.server, (server) => this.relay.addTo(server));
    this.#channel = openChannel(this.#listener.address, credentials.client);
  }

  read(): { stream: ClientReadableStream<StdioData>; stdout: () => string; stderr: () => string } {
    if (this.#channel === undefined) throw new TypeError("connect first");
    const stream = linkClient(GRPCStdioClient, this.#channel).streamStdio({});
    const seen: StdioData[] = [];
    stream.on("data", (data) => seen.push(data));
    stream.on("error", () => undefined);
    const text = (channel: number) => (): string =>
      Buffer.concat(seen.filter((data) => data.channel === channel).map(({ data }) => data)).toString();
    return { stream, stdout: text(STDOUT), stderr: text(STDERR) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel?.close();
    await this.#listener?.close();
    rmSync(this.#directory, { recursive: true });
  }
}

describe("StdioRelay", { timeout: 120_000 }, () => {
  it("keeps what was written before a host reads, and passes on what comes later", async () => {
    await using wire = new Wire();
    await wire.connect();
    wire.relay.write(STDOUT, Buffer.from("early "));
    const { stdout, stderr } = wire.read();
    await until(() => stdout() === "early ");
    wire.relay.write(STDERR, Buffer.from("problem"));
    wire.relay.write(STDOUT, Buffer.from("late"));
    await until(() => stdout() === "early late" && stderr() === "problem");
    assert.equal(wire.relay.droppedBytes, 0);
  });

  it("drops the oldest, and counts it, when nobody reads", async () => {
    await using wire = new Wire(100);
    for (let round = 0; round < 10; round++) wire.relay.write(STDOUT, Buffer.from(`${round}`.repeat(40)));
    assert.equal(wire.relay.droppedBytes, 320);
    await wire.connect();
    const { stdout } = wire.read();
    await until(() => stdout().length > 0);
    assert.equal(stdout(), `${"8".repeat(40)}${"9".repeat(40)}`);
  });

  it("delivers a large write whole, in pieces a host can take", async () => {
    await using wire = new Wire();
    await wire.connect();
    const { stdout } = wire.read();
    wire.relay.write(STDOUT, Buffer.from("start"));
    await until(() => stdout() === "start");
    const large = Buffer.alloc(1_000_000, "0123456789");
    wire.relay.write(STDOUT, large);
    await until(() => stdout().length === large.length + "start".length);
    assert.equal(stdout(), `start${large.toString()}`);
  });

  it("serves a second reader in place of the first", async () => {
    await using wire = new Wire();
    await wire.connect();
    const first = wire.read();
    wire.relay.write(STDOUT, Buffer.from("one"));
    await until(() => first.stdout() === "one");
    const ended = once(first.stream, "end");
    const second = wire.read();
    await ended;
    wire.relay.write(STDOUT, Buffer.from("two"));
    await until(() => second.stdout() === "two");
    assert.equal(first.stdout(), "one");
  });

  it("ends the stream after what was written", async () => {
    await using wire = new Wire();
    await wire.connect();
    const { stream, stdout } = wire.read();
    wire.relay.write(STDOUT, Buffer.from("first"));
    await until(() => stdout() === "first");
    const ended = once(stream, "end");
    wire.relay.write(STDOUT, Buffer.from(" and last words"));
    await wire.relay.end();
    await ended;
    assert.equal(stdout(), "first and last words");
    await wire.relay.end();
    wire.relay.write(STDERR, Buffer.from("too late"));
    assert.equal(wire.relay.takeUnread().toString(), "too late");
  });
});
