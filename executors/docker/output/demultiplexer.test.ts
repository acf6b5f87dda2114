import assert from "node:assert/strict";
import { test } from "node:test";

import { Demultiplexer } from "./demultiplexer.ts";

function frame(type: number, data: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(Buffer.byteLength(data), 4);
  return Buffer.concat([header, Buffer.from(data)]);
}

const stream = Buffer.concat([frame(1, "one"), frame(2, "two"), frame(1, ""), frame(1, "three")]);

for (const size of [1, 2, 3, 7, 8, 9, 11, 100]) {
  test(`frames are put together from pieces of ${size} bytes`, () => {
    const demultiplexer = new Demultiplexer();
    const texts = { stdout: "", stderr: "" };
    for (let at = 0; at < stream.length; at += size) {
      for (const [channel, data] of demultiplexer.push(stream.subarray(at, at + size)))
        texts[channel] += data.toString();
    }
    assert.deepEqual(texts, { stdout: "onethree", stderr: "two" });
    assert.equal(demultiplexer.isComplete, true);
  });
}

test("a frame that is cut off is not complete", () => {
  const demultiplexer = new Demultiplexer();
  assert.equal([...demultiplexer.push(stream.subarray(0, 10))].length, 1);
  assert.equal(demultiplexer.isComplete, false);
});

test("bytes that are no frames are refused", () => {
  assert.throws(() => [...new Demultiplexer().push(Buffer.from("hello, world"))], RangeError);
});
