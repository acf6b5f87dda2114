import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import lz4 from "lz4js";

import { lz4Frame } from "./lz4-frame.ts";

test("any bytes come back out of a frame", () => {
  const mebibyte = 1024 * 1024;
  const samples = [
    Buffer.alloc(0),
    Buffer.from("x"),
    Buffer.from("the same again ".repeat(1_000)),
    randomBytes(100_000),
    Buffer.concat([randomBytes(5 * mebibyte), Buffer.alloc(5 * mebibyte, "abcd")]),
  ];
  for (const bytes of samples) {
    const frame = lz4Frame(bytes);
    assert.ok(Buffer.from(lz4.decompress(frame)).equals(bytes), `${bytes.length} bytes come back`);
  }
  assert.ok(lz4Frame(samples[2] ?? Buffer.alloc(0)).length < 1_000, "repetition takes little room");
});
