import assert from "node:assert/strict";
import { test } from "node:test";
import { TailBuffer } from "./tail-buffer.ts";

const rows: readonly [name: string, writes: readonly string[], kept: string][] = [
  ["nothing", [], ""],
  ["less than fits", ["ab", "c"], "abc"],
  ["exactly what fits", ["ab", "cde"], "abcde"],
  ["one byte more", ["abcde", "f"], "bcdef"],
  ["many rounds", ["abc", "def", "ghi", "jk"], "ghijk"],
  ["one write larger than all", ["ab", "cdefghijkl"], "hijkl"],
  ["a large write, then a small one", ["cdefghijkl", "m"], "ijklm"],
];

for (const [name, writes, kept] of rows) {
  test(`tail buffer keeps the last bytes of ${name}`, () => {
    const tail = new TailBuffer(5);
    for (const text of writes) tail.write(Buffer.from(text));
    assert.equal(tail.bytes().toString(), kept);
    assert.equal(tail.bytes(2).toString(), kept.slice(-2));
    assert.equal(tail.bytes(0).toString(), "");
  });
}
