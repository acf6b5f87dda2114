import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { OutputRelay } from "./relay.ts";

function frame(type: number, data: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, Buffer.from(data)]);
}

function receiver() {
  const texts = { stdout: "", stderr: "" };
  const stream = (channel: "stdout" | "stderr") => ({
    write: (data: Uint8Array | string) => ((texts[channel] += Buffer.from(data as Uint8Array).toString()), true),
    drained: () => Promise.resolve(),
  });
  return { texts, streams: { stdout: stream("stdout"), stderr: stream("stderr") } };
}

test("output that breaks off within a frame is taken up at the byte, from a source that begins anew", async () => {
  const { texts, streams } = receiver();
  const relay = new OutputRelay(streams, false);
  const live = Buffer.concat([frame(1, "abc"), frame(2, "xy"), frame(1, "defg")]);
  await relay.pass(Readable.from([live.subarray(0, -2)]), "live", () => undefined);
  assert.deepEqual(texts, { stdout: "abcde", stderr: "xy" });
  const again = [frame(1, "ab"), frame(2, "xyz"), frame(1, "cdefgh")];
  await relay.pass(Readable.from(again), "log", () => undefined);
  assert.deepEqual(texts, { stdout: "abcdefgh", stderr: "xyz" });
  assert.deepEqual(relay.bytes, { stdout: 8, stderr: 3 });
});

test("a terminal's output is all stdout, and taken as it is", async () => {
  const { texts, streams } = receiver();
  await new OutputRelay(streams, true).pass(Readable.from([Buffer.from("as it is")]), "log", () => undefined);
  assert.deepEqual(texts, { stdout: "as it is", stderr: "" });
});

test("a live source is let go of when the receiver stalls, and the log has the rest", async () => {
  const { texts, streams } = receiver();
  let isFull = true;
  const room = Promise.withResolvers<void>();
  const stdout = {
    write: (data: Uint8Array | string) => (streams.stdout.write(data), !isFull),
    drained: () => room.promise,
  };
  const relay = new OutputRelay({ ...streams, stdout }, false);
  assert.equal(await relay.pass(Readable.from([frame(1, "ab"), frame(1, "cd")]), "live", () => undefined), "stalled");
  assert.equal(texts.stdout, "ab");
  isFull = false;
  room.resolve();
  assert.equal(await relay.pass(Readable.from([frame(1, "abcd")]), "log", () => undefined), "ended");
  assert.equal(texts.stdout, "abcd");
});
