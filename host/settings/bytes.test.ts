import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatExactBytes, parseBytes } from "./bytes.ts";

const readings: ReadonlyArray<readonly [string, number | undefined]> = [
  ["0", 0],
  ["4096", 4096],
  ["12B", 12],
  ["64KB", 65_536],
  ["64KiB", 65_536],
  ["64kib", 65_536],
  ["1.5GB", 1_610_612_736],
  ["1.5g", 1_610_612_736],
  ["10GiB", 10_737_418_240],
  ["", undefined],
  ["MB", undefined],
  ["-1MB", undefined],
  ["5 MB", undefined],
  ["5XB", undefined],
  ["99999999TB", undefined],
];

for (const [text, expected] of readings) {
  test(`parseBytes() reads '${text}' as ${expected}`, () => assert.equal(parseBytes(text), expected));
}

const sizes: ReadonlyArray<readonly [number, string]> = [
  [0, "0B"],
  [1001, "1001B"],
  [64_000, "64000B"],
  [65_536, "64KiB"],
  [256 * 1024 ** 2, "256MiB"],
];

for (const [bytes, expected] of sizes) {
  test(`formatExactBytes() writes ${bytes} as '${expected}', which reads back`, () => {
    assert.equal(formatExactBytes(bytes), expected);
    assert.equal(parseBytes(expected), bytes);
  });
}

test("formatBytes() rounds for people", () => {
  assert.equal(formatBytes(12), "12B");
  assert.equal(formatBytes(1536), "1.5KiB");
  assert.equal(formatBytes(118_000_000), "112.5MiB");
});
