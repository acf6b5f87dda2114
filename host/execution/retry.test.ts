import assert from "node:assert/strict";
import { test } from "node:test";
import { makeResult, type Result, type RetryPolicy } from "../model/model.ts";
import { nextAttemptDelay, noRetry } from "./retry.ts";

const policy: RetryPolicy = { ...noRetry, maxAttempts: 4, initialBackoffMs: 1000, maxBackoffMs: 3000 };
const harmless = makeResult("FAILED", { effect: "NONE" });

const rows: [string, Partial<RetryPolicy>, number, Result, number | undefined][] = [
  ["a failure without effect is repeated after the first wait", {}, 1, harmless, 1000],
  ["the wait grows by the multiplier", {}, 2, harmless, 2000],
  ["the wait does not grow beyond its maximum", {}, 3, harmless, 3000],
  ["the last attempt is not repeated", {}, 4, harmless, undefined],
  ["a success is not repeated", {}, 1, makeResult("SUCCEEDED"), undefined],
  ["a cancelled execution is not repeated", {}, 1, makeResult("CANCELLED", { effect: "NONE" }), undefined],
  ["a refused config is not repeated", {}, 1, makeResult("REJECTED", { effect: "NONE" }), undefined],
  ["an unknown effect is not repeated", {}, 1, makeResult("TIMED_OUT"), undefined],
  ["an unknown effect is repeated for an idempotent job", { idempotent: true }, 1, makeResult("TIMED_OUT"), 1000],
  [
    "an unknown effect is repeated when the executor says so",
    {},
    1,
    makeResult("FAILED", { retryability: "RETRYABLE" }),
    1000,
  ],
  [
    "a permanent failure is not repeated even for an idempotent job",
    { idempotent: true },
    1,
    makeResult("FAILED", { retryability: "PERMANENT" }),
    undefined,
  ],
  [
    "a wait that the target asked for is honoured",
    {},
    1,
    makeResult("FAILED", { effect: "NONE", retryAfterMs: 90_000 }),
    90_000,
  ],
];

for (const [title, change, attempt, result, expected] of rows) {
  test(title, () => assert.equal(nextAttemptDelay({ ...policy, ...change }, attempt, result, 0), expected));
}

test("chance shortens a wait by at most a quarter", () => {
  assert.equal(nextAttemptDelay(policy, 1, harmless, 1), 750);
});
