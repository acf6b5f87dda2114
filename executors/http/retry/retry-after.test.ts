import assert from "node:assert/strict";
import { test } from "node:test";

import { retryAfterMs } from "./retry-after.ts";

const now = Date.parse("2026-11-21T06:00:00Z");

for (const [value, expected] of [
  ["120", 120_000],
  [" 0 ", 0],
  ["Sat, 21 Nov 2026 06:00:30 GMT", 30_000],
  ["Saturday, 21-Nov-26 06:00:30 GMT", 30_000],
  ["Sat Nov 21 06:00:30 2026", 30_000],
  ["Sat, 21 Nov 2026 05:00:00 GMT", 0],
  ["1.5", undefined],
  ["-1", undefined],
  ["soon", undefined],
  ["2026", 2_026_000],
  ["", undefined],
  [undefined, undefined],
] as const) {
  test(`Retry-After ${JSON.stringify(value)} means ${expected} ms`, () => {
    assert.equal(retryAfterMs(value, now), expected);
  });
}
