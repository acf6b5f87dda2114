import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, formatElapsed, parseDuration } from "./duration.ts";

const readings: ReadonlyArray<readonly [string, number | undefined]> = [
  ["0", 0],
  ["0s", 0],
  ["30s", 30_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  [".5s", 500],
  ["250ms", 250],
  ["100us", 0.1],
  ["100µs", 0.1],
  ["7d", 604_800_000],
  ["2h45m10s5ms", 9_910_005],
  ["", undefined],
  ["5", undefined],
  ["s", undefined],
  [".s", undefined],
  ["-5s", undefined],
  ["5 s", undefined],
  ["5sec", undefined],
  ["1h1", undefined],
  ["1e3s", undefined],
];

for (const [text, expected] of readings) {
  test(`parseDuration() reads '${text}' as ${expected}`, () => assert.equal(parseDuration(text), expected));
}

const writings: ReadonlyArray<readonly [number, string]> = [
  [0, "0"],
  [0.1, "0.1ms"],
  [500, "500ms"],
  [1500, "1.5s"],
  [60_000, "1m"],
  [90_000, "1m30s"],
  [60_500, "1m0.5s"],
  [900_000, "15m"],
  [86_400_000, "1d"],
  [604_800_000 + 3_600_000, "7d1h"],
];

for (const [durationMs, expected] of writings) {
  test(`formatDuration() writes ${durationMs} ms as '${expected}', which reads back`, () => {
    assert.equal(formatDuration(durationMs), expected);
    assert.equal(parseDuration(expected), durationMs);
  });
}

test("formatElapsed() keeps what matters to people", () => {
  assert.equal(formatElapsed(12.4), "12ms");
  assert.equal(formatElapsed(1234), "1.2s");
  assert.equal(formatElapsed(2000), "2s");
  assert.equal(formatElapsed(59_999), "60s");
  assert.equal(formatElapsed(185_400), "3m5s");
});
