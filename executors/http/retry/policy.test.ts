import assert from "node:assert/strict";
import { test } from "node:test";

import { parseStatusSet } from "../expect/status-set.ts";
import { RequestFailure, type FailureCode } from "../failure.ts";
import { retryDelay, type AttemptState, type RetrySettings } from "./policy.ts";
import { defaultRetryStatuses } from "./statuses.ts";

const settings: RetrySettings = {
  method: "GET",
  idempotency_key: false,
  retry_attempts: 5,
  retry_backoff: 1_000,
  retry_max_backoff: 30_000,
  retry_statuses: defaultRetryStatuses,
};

function state(code: FailureCode, more: Partial<AttemptState> & { retryAfterMs?: number } = {}): AttemptState {
  const failure = new RequestFailure(code, "failed", { retryAfterMs: more.retryAfterMs });
  return { attempt: 1, failure, status: undefined, sent: true, committed: false, ...more };
}

const longest = 1;
const shortest = 0;

for (const [what, settingsChange, given, expected] of [
  ["a reset connection", {}, state("CONNECTION_RESET"), 1_000],
  ["a timeout", {}, state("TIMEOUT_HEADERS"), 1_000],
  ["a certificate that is not trusted", {}, state("TLS_FAILED"), undefined],
  ["a body that does not match", {}, state("BODY_MISMATCH"), undefined],
  ["status 503", {}, state("STATUS_UNEXPECTED", { status: 503 }), 1_000],
  ["status 404", {}, state("STATUS_UNEXPECTED", { status: 404 }), undefined],
  [
    "a status that the job names",
    { retry_statuses: parseStatusSet("404") },
    state("STATUS_UNEXPECTED", { status: 404 }),
    1_000,
  ],
  ["the last attempt", {}, state("CONNECTION_RESET", { attempt: 5 }), undefined],
  ["a body that was begun", {}, state("BODY_INCOMPLETE", { committed: true }), undefined],
  ["a POST that was sent", { method: "POST" }, state("CONNECTION_RESET"), undefined],
  ["a POST that was not sent", { method: "POST" }, state("CONNECTION_REFUSED", { sent: false }), 1_000],
  ["a POST with a key", { method: "POST", idempotency_key: true }, state("CONNECTION_RESET"), 1_000],
  ["a PUT", { method: "PUT" }, state("CONNECTION_RESET"), 1_000],
  ["the third attempt", {}, state("CONNECTION_RESET", { attempt: 3 }), 4_000],
  ["a backoff over its maximum", { retry_attempts: 50 }, state("CONNECTION_RESET", { attempt: 40 }), 30_000],
  ["a server that asks for time", {}, state("STATUS_UNEXPECTED", { status: 503, retryAfterMs: 7_000 }), 7_000],
  ["a server that asks for too much", {}, state("STATUS_UNEXPECTED", { status: 503, retryAfterMs: 60_000 }), undefined],
] as const) {
  test(`after ${what}, the wait for another attempt is at most ${expected} ms`, () => {
    assert.equal(retryDelay({ ...settings, ...settingsChange }, given, longest), expected);
  });
}

test("jitter takes away up to half of the wait, and nothing of what the server asked for", () => {
  assert.equal(retryDelay(settings, state("CONNECTION_RESET"), shortest), 500);
  const asked = state("STATUS_UNEXPECTED", { status: 429, retryAfterMs: 900 });
  assert.equal(retryDelay(settings, asked, shortest), 900);
});
