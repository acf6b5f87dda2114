import assert from "node:assert/strict";
import { test } from "node:test";

import { fnv1a, murmur2 } from "./hashes.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

test("murmur2 gives what Kafka's own tests expect", () => {
  const expected: readonly (readonly [string, number])[] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [text, hash] of expected) assert.equal(murmur2(bytes(text)), hash, text);
});

test("murmur2 does not depend on where the bytes lie", () => {
  const buffer = Buffer.from("..foobar");
  assert.equal(murmur2(buffer.subarray(2)), -790332482);
});

test("fnv1a gives what its authors publish", () => {
  assert.equal(fnv1a(bytes("")) >>> 0, 0x811c9dc5);
  assert.equal(fnv1a(bytes("a")) >>> 0, 0xe40c292c);
  assert.equal(fnv1a(bytes("foobar")) >>> 0, 0xbf9cf968);
});
