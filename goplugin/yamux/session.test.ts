import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair, type Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { afterEach, describe, it } from "node:test";
import { isHostError } from "@executor-host/proto/shared/error";
import { yamuxDefaults } from "../protocol/defaults.ts";
import { encodeHeader, flag, frameType, FrameReader, type FrameHeader } from "./frame.ts";
import { YamuxSession, type YamuxOptions } from "./session.ts";
import type { YamuxStream } from "./stream.ts";

const { windowBytes } = yamuxDefaults;
const sessions: YamuxSession[] = [];

function session(connection: Duplex, role: "client" | "server", options?: YamuxOptions): YamuxSession {
  const made = new YamuxSession(connection, role, options);
  sessions.push(made);
  return made;
}

function pair(options?: YamuxOptions): { client: YamuxSession; server: YamuxSession } {
  const [left, right] = duplexPair();
  return { client: session(left, "client", options), server: session(right, "server", options) };
}

async function accept(from: YamuxSession): Promise<YamuxStream> {
  const stream = await from.accept();
  assert.ok(stream, "the session has ended");
  return stream;
}

/** Let everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Unlike `once()`, takes an error before it for granted. */
function closeOf(stream: YamuxStream): Promise<void> {
  return new Promise((resolve) => stream.once("close", () => resolve()));
}

/** A peer that sends what it likes, and keeps the frames it gets. */
function rawPeer(role: "client" | "server", options?: YamuxOptions) {
  const [left, right] = duplexPair();
  const frames: FrameHeader[] = [];
  const reader = new FrameReader({ onHeader: (header) => frames.push(header), onPayload: () => {}, onEnd: () => {} });
  right.on("data", (bytes: Buffer) => reader.write(bytes));
  const send = (header: Partial<FrameHeader>, payload = ""): void => {
    const complete = { type: frameType.data, flags: 0, streamId: 0, length: payload.length, ...header };
    right.write(Buffer.concat([encodeHeader(complete), Buffer.from(payload)]));
  };
  return { own: session(left, role, options), connection: right, frames, send };
}

afterEach(async () => {
  for (const made of sessions.splice(0)) await made.close();
});

describe("Two sessions over one connection", { timeout: 120_000 }, () => {
  it("open streams from both sides, with odd and even numbers", async () => {
    const { client, server } = pair();
    const opened = [await client.open(), await client.open(), await server.open(), await server.open()];
    assert.deepEqual(
      opened.map(({ id }) => id),
      [1, 3, 2, 4],
    );
    assert.deepEqual([(await accept(server)).id, (await accept(server)).id], [1, 3]);
    assert.deepEqual([(await accept(client)).id, (await accept(client)).id], [2, 4]);
  });

  it("carry bytes both ways, each way with its own end", async () => {
    const { client, server } = pair();
    const near = await client.open();
    near.end("question");
    const far = await accept(server);
    assert.equal(await text(far), "question");
    far.write("ans");
    far.end("wer");
    assert.equal(await text(near), "answer");
    await settle();
    assert.deepEqual([client.streamCount, server.streamCount], [0, 0]);
  });

  it("carry much, on many streams at once, whole and in order", async () => {
    const { client, server } = pair();
    const serve = async (): Promise<void> => {
      for (let stream = await server.accept(); stream !== undefined; stream = await server.accept())
        stream.pipe(stream);
    };
    void serve();
    const echo = async (seed: number): Promise<void> => {
      const sent = Buffer.alloc(3 * windowBytes + seed, `${seed}-`);
      const stream = await client.open();
      stream.end(sent);
      assert.ok((await buffer(stream)).equals(sent));
    };
    await Promise.all(Array.from({ length: 8 }, (_, seed) => echo(seed)));
  });

  it("hold a writer back when nobody reads, and no other stream", async () => {
    const { client, server } = pair();
    const stuck = await client.open();
    let isWritten = false;
    stuck.write(Buffer.alloc(windowBytes + 1), () => (isWritten = true));
    const unread = await accept(server);
    await settle();
    assert.equal(isWritten, false);
    const free = await client.open();
    free.end("free");
    assert.equal(await text(await accept(server)), "free");
    unread.resume();
    await settle();
    assert.equal(isWritten, true);
  });

  it("know when the other side is there", async () => {
    const { client, server } = pair();
    assert.ok((await client.ping()) >= 0);
    assert.ok((await server.ping()) >= 0);
  });

  it("tell the other side of a stream that is given up", async () => {
    const { client, server } = pair();
    const near = await client.open();
    const far = await accept(server);
    const failed = once(far, "error");
    near.destroy(new Error("changed my mind"));
    assert.match(String((await failed)[0]), /reset by the other side/);
    assert.deepEqual([client.streamCount, server.streamCount], [0, 0]);
  });

  it("let what was written arrive although the stream was destroyed then", async () => {
    const { client, server } = pair();
    const near = await client.open();
    const far = await accept(server);
    far.write("crosses the end");
    near.write("last words", () => near.destroy());
    assert.equal(await text(far), "last words");
    far.end();
    await settle();
    assert.deepEqual([client.streamCount, server.streamCount], [0, 0]);
  });

  it("reset a stream whose reader is gone when its window is full", async () => {
    const { client, server } = pair();
    const near = await client.open();
    const far = await accept(server);
    near.destroy();
    far.resume();
    const failed = once(far, "error");
    far.write(Buffer.alloc(2 * windowBytes));
    assert.match(String((await failed)[0]), /reset by the other side/);
  });

  it("end together, with every stream", async () => {
    const { client, server } = pair();
    const near = await client.open();
    const far = await accept(server);
    const ends = [closeOf(near), closeOf(far)];
    await client.close();
    await Promise.all(ends);
    assert.equal(await client.closed, undefined);
    assert.equal((await server.closed)?.code, "CONNECT_FAILED");
    assert.equal(await server.accept(), undefined);
    await assert.rejects(server.open(), { code: "CONNECT_FAILED" });
    await assert.rejects(client.ping(), { code: "CONNECT_FAILED" });
  });

  it("take no more streams after a go-away, and finish those they have", async () => {
    const { client, server } = pair();
    const near = await client.open();
    const far = await accept(server);
    server.goAway();
    await settle();
    await assert.rejects(client.open(), { code: "CONNECT_FAILED", message: /takes no more/ });
    near.end("still here");
    assert.equal(await text(far), "still here");
    (await server.open()).end("from the side that goes");
    assert.equal(await text(await accept(client)), "from the side that goes");
  });
});

describe("A session", { timeout: 120_000 }, () => {
  it("waits with a further stream until the other side has taken one", async () => {
    const { client, server } = pair({ backlog: 2 });
    await client.open();
    await client.open();
    let isOpen = false;
    const third = client.open().then((stream) => {
      isOpen = true;
      return stream;
    });
    await settle();
    assert.equal(isOpen, false);
    await accept(server);
    assert.equal((await third).id, 5);
  });

  it("refuses streams beyond its backlog, and beyond its limit", async () => {
    const { own, send, frames } = rawPeer("server", { backlog: 2, maxStreams: 3 });
    const open = (streamId: number): void => send({ type: frameType.windowUpdate, flags: flag.syn, streamId });
    for (const id of [1, 3, 5]) open(id);
    await settle();
    assert.deepEqual(frames, [{ type: frameType.windowUpdate, flags: flag.rst, streamId: 5, length: 0 }]);
    for (let taken = 0; taken < 2; taken++) await accept(own);
    for (const id of [7, 9]) open(id);
    await settle();
    assert.deepEqual(frames.at(-1), { type: frameType.windowUpdate, flags: flag.rst, streamId: 9, length: 0 });
    await assert.rejects(own.open(), { code: "CONNECT_FAILED", message: /3 are open/ });
  });

  it("takes data that comes with the opening of its stream, and with its end", async () => {
    const { own, send, frames } = rawPeer("server");
    send({ flags: flag.syn + flag.fin, streamId: 1 }, "all at once");
    const stream = await accept(own);
    assert.equal(await text(stream), "all at once");
    stream.end();
    await settle();
    assert.deepEqual(
      frames.map(({ flags }) => flags),
      [flag.ack, flag.fin],
    );
  });

  it("gives room back when half of the window was read", async () => {
    const { own, send, frames } = rawPeer("server");
    send({ flags: flag.syn, streamId: 1 }, "x".repeat(windowBytes));
    await settle();
    assert.deepEqual(frames, []);
    (await accept(own)).resume();
    await settle();
    const credit = frames.filter(({ flags }) => flags === 0).reduce((sum, { length }) => sum + length, 0);
    assert.equal(credit, windowBytes);
  });

  it("ends when the other side shows no sign of life", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
    const { own, frames, send } = rawPeer("client", { keepAliveMs: 100, keepAliveTimeoutMs: 50 });
    t.mock.timers.tick(100);
    await settle();
    assert.deepEqual(frames, [{ type: frameType.ping, flags: flag.syn, streamId: 0, length: 0 }]);
    send({ type: frameType.ping, flags: flag.ack, length: 0 });
    await settle();
    t.mock.timers.tick(100);
    await settle();
    t.mock.timers.tick(50);
    assert.match((await own.closed)?.message ?? "", /no answer to a ping within 50 ms/);
  });

  it("gives up a stream that nobody accepts, and one that the other side does not close", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
    const { own, send, frames } = rawPeer("client", { openMs: 100, closeMs: 200 });
    const ignored = await own.open();
    const accepted = await own.open();
    send({ type: frameType.windowUpdate, flags: flag.ack, streamId: accepted.id });
    await settle();
    t.mock.timers.tick(100);
    assert.match(ignored.errored?.message ?? "", /no answer within 100 ms/);
    assert.equal(accepted.errored, null);
    accepted.destroy();
    await settle();
    assert.equal(own.streamCount, 1);
    t.mock.timers.tick(200);
    await settle();
    assert.equal(own.streamCount, 0);
    assert.deepEqual(frames.at(-1), { type: frameType.windowUpdate, flags: flag.rst, streamId: 3, length: 0 });
  });

  it("ends when the connection does", async () => {
    const { own, connection } = rawPeer("client");
    const stream = await own.open();
    const closed = closeOf(stream);
    connection.destroy();
    await closed;
    assert.equal((await own.closed)?.code, "CONNECT_FAILED");
  });

  it("drops what comes for a stream that it has reset", async () => {
    const { own, send, frames } = rawPeer("server");
    send({ flags: flag.syn, streamId: 1 }, "a");
    const stream = await accept(own);
    stream.reset();
    send({ streamId: 1 }, "b".repeat(windowBytes * 2));
    send({ type: frameType.windowUpdate, flags: flag.fin, streamId: 1 });
    send({ type: frameType.ping, flags: flag.syn, length: 7 });
    await settle();
    assert.deepEqual(frames.at(-1), { type: frameType.ping, flags: flag.ack, streamId: 0, length: 7 });
    assert.equal(own.streamCount, 0);
  });

  it("ends a peer that asks without reading the answers", async () => {
    const [left, right] = duplexPair({ highWaterMark: 1024 });
    const own = session(left, "server", { unreadControlBytes: 10_000 });
    const ping = encodeHeader({ type: frameType.ping, flags: flag.syn, streamId: 0, length: 1 });
    right.write(Buffer.concat(Array.from({ length: 2_000 }, () => ping)));
    assert.match((await own.closed)?.message ?? "", /asks without reading/);
  });
});

describe("A session ends with a go-away when the other side", { timeout: 120_000 }, () => {
  const rows: Record<string, Partial<FrameHeader>[]> = {
    "sends data for stream 0": [{ streamId: 0, length: 4 }],
    "opens a stream twice": [
      { flags: flag.syn, streamId: 1 },
      { flags: flag.syn, streamId: 1 },
    ],
    "opens a stream with a number of this side": [{ flags: flag.syn, streamId: 2 }],
    "sends more than the window takes": [{ flags: flag.syn, streamId: 1, length: windowBytes + 1 }],
    "gives more room than can be counted": [
      { type: frameType.windowUpdate, flags: flag.syn, streamId: 1, length: 2 ** 32 - 1 },
    ],
    "closes a stream twice": [
      { flags: flag.syn + flag.fin, streamId: 1 },
      { flags: flag.fin, streamId: 1 },
    ],
    "goes away for an error": [{ type: frameType.goAway, length: 2 }],
  };
  for (const [name, headers] of Object.entries(rows)) {
    it(name, async () => {
      const { own, send, frames, connection } = rawPeer("server");
      const isOver = once(connection, "end");
      for (const header of headers) send(header);
      assert.equal((await own.closed)?.code, "PROTOCOL_VIOLATION");
      await isOver;
      assert.deepEqual(frames.at(-1), { type: frameType.goAway, flags: 0, streamId: 0, length: 1 });
    });
  }

  it("speaks HTTP/2", async () => {
    const { own, connection } = rawPeer("client");
    connection.write(Buffer.from("00001204000000000000020000000000030000", "hex"));
    assert.equal((await own.closed)?.code, "PROTOCOL_VIOLATION");
  });
});

describe("Garbage", { timeout: 120_000 }, () => {
  /** Numbers that look random and are the same in every run. */
  function* randomNumbers(seed: number): Generator<number, never> {
    for (let state = seed; ; yield (state >>> 8) / 2 ** 24) state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  }

  it("of any kind ends the session at worst, with one reason, and nothing is left", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const numbers = randomNumbers(seed);
      const below = (limit: number): number => Math.floor(numbers.next().value * limit);
      const { own, connection } = rawPeer("server", { backlog: 4, maxStreams: 6, farewellMs: 10 });
      void own.accept().then((stream) => stream?.resume());
      for (let frame = 0; frame < 60; frame++) {
        const length = below(2) === 0 ? below(2_000) : below(2 ** 32);
        const header = encodeHeader({
          type: ([0, 1, 2, 3, 1, 0] as const)[below(6)] ?? 0,
          flags: below(20) === 0 ? below(2 ** 16) : 2 ** below(4),
          streamId: below(12),
          length,
        });
        if (below(40) === 0) header[below(12)] = below(256);
        const whole = Buffer.concat([header, Buffer.alloc(Math.min(length, below(3_000)), frame)]);
        const cut = below(whole.length);
        if (!connection.destroyed) connection.write(whole.subarray(0, cut));
        if (!connection.destroyed) connection.write(whole.subarray(cut));
        if (below(4) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await settle();
      connection.destroy();
      const error = await own.closed;
      assert.ok(isHostError(error), `seed ${seed}: ${String(error)}`);
      assert.equal(own.streamCount, 0, `seed ${seed}`);
    }
  });

  it("cannot reach a neighbour's bytes, however a conversation is cut", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const numbers = randomNumbers(seed);
      const { own, connection } = rawPeer("server");
      const texts = ["a", "b", "c"].map((letter) => letter.repeat(5_000));
      const received = Promise.all(texts.map(async () => text(await accept(own))));
      const frames: Buffer[] = [];
      const sent = [0, 0, 0];
      const put = (header: Partial<FrameHeader>, payload = ""): void => {
        const complete = { type: frameType.data, flags: 0, streamId: 1, length: payload.length, ...header };
        frames.push(encodeHeader(complete), Buffer.from(payload));
      };
      for (const index of [0, 1, 2]) put({ flags: flag.syn, streamId: 2 * index + 1 });
      while (sent.some((count) => count < 5_000)) {
        const index = Math.floor(numbers.next().value * 3);
        const at = sent[index] ?? 0;
        const piece = texts[index]?.slice(at, at + Math.ceil(numbers.next().value * 700)) ?? "";
        sent[index] = at + piece.length;
        if (piece !== "") put({ streamId: 2 * index + 1 }, piece);
      }
      for (const index of [0, 1, 2]) put({ flags: flag.fin, streamId: 2 * index + 1 });
      const whole = Buffer.concat(frames);
      for (let at = 0; at < whole.length;) {
        const end = at + 1 + Math.floor(numbers.next().value * 900);
        connection.write(whole.subarray(at, end));
        at = end;
      }
      assert.deepEqual(await received, texts, `seed ${seed}`);
    }
  });
});
