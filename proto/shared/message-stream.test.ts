import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  status,
  type ServerWritableStream,
  type StatusObject,
} from "@grpc/grpc-js";
import { MessageStream, type MessageListener } from "./message-stream.ts";

const path = "/test.Service/Stream";
const pieceBytes = 60_000;
const pass = (bytes: Buffer): Buffer => bytes;
type Call = ServerWritableStream<Buffer, Buffer>;

/** What the server does with a call, by the request's text. */
const behaviours: Record<string, (call: Call) => void> = {
  three(call) {
    for (const text of ["one", "two", "three"]) call.write(Buffer.from(text));
    call.end();
  },
  refuse: (call) => void call.emit("error", { code: status.FAILED_PRECONDITION, details: "no" }),
  wait: (call) => void call.on("cancelled", () => call.end()),
  flood(call) {
    const more = (): void => {
      while (!call.cancelled && call.write(Buffer.alloc(pieceBytes))) sent += 1;
    };
    call.on("drain", more);
    more();
  },
};

let sent = 0;
let directory = "";
let server: Server;
let client: Client;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "message-stream-"));
  server = new Server();
  const method = { path, requestStream: false, responseStream: true, requestSerialize: pass, requestDeserialize: pass };
  const stream = { ...method, responseSerialize: pass, responseDeserialize: pass } as const;
  server.addService({ stream }, { stream: (call: Call) => behaviours[call.request.toString()]?.(call) });
  const address = `unix:${directory}/s`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  client = new Client(address, credentials.createInsecure());
});
after(async () => {
  client.close();
  server.forceShutdown();
  await rm(directory, { recursive: true });
});

function start(behaviour: string, onMessage: MessageListener["onMessage"]) {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<StatusObject>();
  const call = new MessageStream(client.getChannel(), path, Buffer.from(behaviour), { onMessage, onEnd });
  return { call, ended };
}

test("every message comes, in order, and then the end", async () => {
  const texts: string[] = [];
  const { ended } = start("three", (message) => texts.push(message.toString()));
  assert.equal((await ended).code, status.OK);
  assert.deepEqual(texts, ["one", "two", "three"]);
});

test("a paused stream gives one message at a time, and its end after the last", async () => {
  const texts: string[] = [];
  let arrived = Promise.withResolvers<void>();
  const { call, ended } = start("three", (message) => {
    texts.push(message.toString());
    call.pause();
    arrived.resolve();
  });
  for (const expected of [["one"], ["one", "two"], ["one", "two", "three"]]) {
    await arrived.promise;
    for (let turns = 0; turns < 20; turns++) await turn();
    assert.deepEqual(texts, expected);
    arrived = Promise.withResolvers();
    call.resume();
  }
  assert.equal((await ended).code, status.OK);
});

test("a sender is held up by a receiver that does not ask", async () => {
  const arrived = Promise.withResolvers<void>();
  const { call, ended } = start("flood", () => {
    call.pause();
    arrived.resolve();
  });
  await arrived.promise;
  let last = -1;
  for (let same = 0; same < 50; same = sent === last ? same + 1 : 0) {
    last = sent;
    await turn();
  }
  assert.ok(sent * pieceBytes < 8e6, `${sent} messages were sent`);
  call.cancel();
  assert.equal((await ended).code, status.CANCELLED);
});

test("a call that fails ends with the status of the server", async () => {
  const { ended } = start("refuse", () => assert.fail("there is no message"));
  const { code, details } = await ended;
  assert.deepEqual([code, details], [status.FAILED_PRECONDITION, "no"]);
});

test("a cancelled call ends, whether or not the server says more", async () => {
  const { call, ended } = start("wait", () => assert.fail("there is no message"));
  call.cancel();
  assert.equal((await ended).code, status.CANCELLED);
});

test("a message that cannot be used ends the call with the reason", async () => {
  const { ended } = start("three", () => {
    throw new RangeError("message ends inside a field");
  });
  const { code, details } = await ended;
  assert.deepEqual([code, details], [status.INTERNAL, "the message cannot be used: message ends inside a field"]);
});
