import assert from "node:assert/strict";
import { test } from "node:test";

import { parseExpiration, parseTimestamp } from "./times.ts";

test("an expiration is milliseconds, or a duration", () => {
  for (const [given, ms] of [
    ["60000", "60000"],
    ["0", "0"],
    ["1m30s", "90000"],
    ["1.5s", "1500"],
    ["250ms", "250"],
  ] as const) {
    assert.equal(parseExpiration(given), ms);
  }
  for (const given of ["soon", "-1", "1d", "5s later"])
    assert.throws(() => parseExpiration(given), { message: "is not a duration" });
  assert.throws(() => parseExpiration("2000h"), { message: "is longer than RabbitMQ takes" });
});

test("a timestamp is seconds, or a date with its zone", () => {
  assert.equal(parseTimestamp("1769839200"), 1_769_839_200);
  assert.equal(parseTimestamp("2026-01-31T06:00:00Z"), 1_769_839_200);
  for (const given of ["2026-01-31", "now", "1769839200000"]) {
    assert.throws(() => parseTimestamp(given), { message: "is not a time" });
  }
});
