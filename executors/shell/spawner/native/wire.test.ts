import assert from "node:assert/strict";
import test from "node:test";
import { EventReader, RequestWriter, type WireEvent } from "./wire.ts";

/** A frame as supervisor/wire.c writes it. */
function frame(kind: number, job: number, ...content: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(5 + Buffer.concat(content).length, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32LE(job, 5);
  return Buffer.concat([head, ...content]);
}

function i32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeInt32LE(value, 4 * index));
  return bytes;
}

test("events are found in a stream wherever it is cut, and unknown ones are passed over", () => {
  const usage = Buffer.alloc(32);
  [1_500n, 4_096n, 512n, 1_024n].forEach((value, index) => usage.writeBigUInt64LE(value, 8 * index));
  const stream = Buffer.concat([
    frame(1, 0, i32(1)),
    frame(2, 0, i32(0, 7, 9)),
    frame(3, 5, i32(100, 101)),
    frame(99, 5, i32(1)),
    frame(4, 6, Buffer.from([5, "n".charCodeAt(0)]), i32(1)),
    frame(5, 5, i32(9), Buffer.from([0]), usage),
    frame(6, 5, usage),
    frame(7, 8),
  ]);
  const counted = { cpuTimeMs: 1.5, peakMemoryBytes: 4_096, readBytes: 512, writtenBytes: 1_024 };
  for (const size of [1, 7, stream.length]) {
    const events: WireEvent[] = [];
    const reader = new EventReader((event) => events.push(event));
    for (let at = 0; at < stream.length; at += size) reader.read(stream.subarray(at, at + size));
    assert.deepEqual(events, [
      { kind: "hello", version: 1 },
      { kind: "pipes", errno: 0, fds: [7, 9] },
      { kind: "started", job: 5, supervisorPid: 100, pid: 101 },
      { kind: "failed", job: 6, step: "limit", detail: "n".charCodeAt(0), errno: 1 },
      { kind: "exited", job: 5, status: 9, isEmpty: false, usage: counted },
      { kind: "empty", job: 5, usage: counted },
      { kind: "lost", job: 8 },
    ]);
  }
});

test("a request says its length, whatever it holds", () => {
  const requests = new RequestWriter();
  const directory = `/ü€😀${"x".repeat(100_000)}`;
  for (const request of [requests.pipes(8), requests.command(1, -1), requests.hold(directory), requests.release("/")])
    assert.equal(request.readUInt32LE(0), request.length - 4);
  assert.equal(requests.hold(directory).subarray(9).toString(), directory);
  assert.equal(requests.command(3, -2).readInt32LE(9), -2);
});
