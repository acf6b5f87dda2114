import assert from "node:assert/strict";
import { test } from "node:test";
import { maxOutputBytes } from "@executor-host/proto/shared/frame";
import type { OutputEvent } from "./event.ts";
import { OutputQueue } from "./output-queue.ts";

const never = 2 ** 30;

/** A receiver that is full whenever told so. @param keeps what it is lent */
function receiver(coalesceMs = never, keeps = false) {
  const frames: OutputEvent[] = [];
  let full = false;
  let release: (() => void) | undefined;
  const queue = new OutputQueue({
    coalesceMs,
    send(event) {
      frames.push(keeps ? event : { ...event, data: Buffer.from(event.data) });
      return !full;
    },
    drained: () => new Promise((resolve) => (release = resolve)),
  });
  return {
    queue,
    frames,
    fill: () => (full = true),
    drain(stayFull = false) {
      full = stayFull;
      release?.();
    },
    shape: () => frames.map(({ channel, offset, data }) => [channel, offset, data.length]),
    bytes: () => Buffer.concat(frames.map(({ data }) => data)),
  };
}

test("output of many small writes is sent in full frames", () => {
  const { queue, shape, bytes } = receiver();
  const piece = Buffer.from("0123456789");
  for (let count = 0; count < 7_000; count++) queue.write("stdout", piece);
  queue.flush();
  assert.deepEqual(shape(), [
    ["stdout", 0, maxOutputBytes],
    ["stdout", maxOutputBytes, 70_000 - maxOutputBytes],
  ]);
  assert.equal(bytes().toString(), "0123456789".repeat(7_000));
});

test("output of one large write is sent in frames that share its memory", () => {
  const { queue, frames, shape } = receiver(never, true);
  const large = Buffer.alloc(150_000, "x");
  queue.write("stderr", large);
  queue.flush();
  assert.deepEqual(shape(), [
    ["stderr", 0, 65_536],
    ["stderr", 65_536, 65_536],
    ["stderr", 131_072, 18_928],
  ]);
  assert.deepEqual(
    frames.map(({ data }) => data.buffer === large.buffer),
    [true, true, false],
  );
});

test("output that is held back is the queue's own: the writer may use its memory again", () => {
  const { queue, fill, drain, bytes } = receiver();
  const memory = Buffer.alloc(maxOutputBytes);
  const write = (letter: string, length: number): boolean =>
    queue.write("stdout", memory.fill(letter).subarray(0, length));
  write("a", 3);
  fill();
  write("b", maxOutputBytes);
  write("c", maxOutputBytes);
  write("d", 2);
  memory.fill("x");
  drain();
  return queue.finish().then(() => {
    const expected = `aaa${"b".repeat(maxOutputBytes)}${"c".repeat(maxOutputBytes)}dd`;
    assert.equal(bytes().toString() === expected, true);
  });
});

test("output keeps its order across channels, with offsets per channel", () => {
  const { queue, shape } = receiver();
  queue.write("stdout", "ab");
  queue.write("stdout", "c");
  queue.write("stderr", "de");
  queue.write("stdout", "é");
  queue.write("stdout", "");
  queue.flush();
  assert.deepEqual(shape(), [
    ["stdout", 0, 3],
    ["stderr", 0, 2],
    ["stdout", 3, 2],
  ]);
});

test("output that is held back is sent when its time is up", async () => {
  const { queue, frames } = receiver(1);
  queue.write("stdout", "late");
  assert.equal(frames.length, 0);
  while (frames.length === 0) await new Promise(setImmediate);
  assert.equal(frames.length, 1);
});

test("output waits while the receiver is full, and loses nothing", async () => {
  const { queue, fill, drain, shape, frames, bytes } = receiver();
  fill();
  assert.equal(queue.write("stdout", Buffer.alloc(maxOutputBytes, "a")), false);
  assert.equal(queue.write("stderr", "b"), false);
  assert.equal(queue.write("stdout", "c"), false);
  queue.flush();
  assert.equal(frames.length, 1);
  let drained = false;
  const waiting = queue.drained().then(() => (drained = true));
  drain(true);
  await new Promise(setImmediate);
  assert.equal(frames.length, 2, "one more frame filled the receiver again");
  assert.equal(drained, false);
  drain();
  await waiting;
  assert.deepEqual(shape().slice(1), [
    ["stderr", 0, 1],
    ["stdout", maxOutputBytes, 1],
  ]);
  assert.equal(bytes().length, maxOutputBytes + 2);
  assert.equal(queue.write("stdout", "d"), true);
  queue.discard();
});

test("output is finished only when the receiver has all of it", async () => {
  const { queue, fill, drain, bytes } = receiver();
  fill();
  queue.write("stdout", Buffer.alloc(maxOutputBytes));
  queue.write("stdout", "rest");
  const finished = queue.finish();
  drain();
  await finished;
  assert.equal(bytes().length, maxOutputBytes + 4);
  assert.equal(queue.write("stdout", "ignored"), true);
  assert.equal(bytes().length, maxOutputBytes + 4);
});
