import assert from "node:assert/strict";
import { test } from "node:test";
import type { Capabilities, ExecutionSpec } from "../model/model.ts";
import { checkAbilities, checkSpec, digestOf, refuseViolations, withDefaults } from "./admission.ts";
import { noRetry } from "./retry.ts";

const good: ExecutionSpec = {
  id: "run-1",
  executor: "shell",
  config: { command: "true" },
  jobName: "job",
  limits: {},
  retry: noRetry,
  labels: {},
  traceContext: {},
  queueing: { priority: 0, fairnessKey: "", concurrencyKey: "", maxConcurrent: 1, whenBusy: "QUEUE" },
};

const mute: Capabilities = {
  cancel: true,
  attach: false,
  probe: false,
  idempotent: false,
  maxConcurrentExecutions: 0,
  heartbeat: false,
  setDeadline: false,
};
const beating: Capabilities = { ...mute, heartbeat: true };

const rows: [string, Partial<ExecutionSpec>, string][] = [
  ["an id with a space", { id: "a b" }, "execution_id"],
  ["an id of 129 characters", { id: "a".repeat(129) }, "execution_id"],
  ["an executor with a slash", { executor: "../shell" }, "executor"],
  ["an empty executor", { executor: "" }, "executor"],
  ["a limit of zero", { limits: { attemptTimeoutMs: 0 } }, "limits.attempt_timeout"],
  ["a limit that no timer can hold", { limits: { totalTimeoutMs: 2 ** 31 } }, "limits.total_timeout"],
  ["a negative grace time", { limits: { graceMs: -1 } }, "limits.grace"],
  ["a million attempts", { retry: { ...noRetry, maxAttempts: 1e6 } }, "retry.max_attempts"],
  ["a shrinking wait", { retry: { ...noRetry, multiplier: 0.5 } }, "retry.multiplier"],
  ["a priority beyond the range", { queueing: { ...good.queueing, priority: 101 } }, "queueing.priority"],
  ["a very long key", { queueing: { ...good.queueing, concurrencyKey: "k".repeat(257) } }, "queueing.concurrency_key"],
  ["a policy without a key", { queueing: { ...good.queueing, whenBusy: "SKIP" } }, "queueing.when_busy"],
  ["a limit without a key", { queueing: { ...good.queueing, maxConcurrent: 2 } }, "queueing.max_concurrent"],
  ["a very long job name", { jobName: "x".repeat(2000) }, "job_name"],
];

for (const [title, change, field] of rows) {
  test(`${title} is refused by the name of its field`, () => {
    const violations = checkSpec({ ...good, ...change }, 1000);
    assert.deepEqual(
      violations.map((violation) => violation.field),
      [field],
    );
    assert.notEqual(violations[0]!.hint, "");
  });
}

test("a good spec has no violations", () => {
  assert.deepEqual(checkSpec(good, 1000), []);
  assert.deepEqual(checkSpec({ ...good, limits: { graceMs: 0, attemptTimeoutMs: 1 } }, 1000), []);
});

test("a config over the limit is refused with its size", () => {
  assert.throws(() => checkSpec({ ...good, config: { body: "é".repeat(600) } }, 1000), {
    code: "REQUEST_TOO_LARGE",
    message: "config is too large: 1204 bytes",
  });
});

test("control characters of a bad id are not passed on", () => {
  const [violation] = checkSpec({ ...good, id: "a\u001b[31m" }, 1000);
  assert.ok(!violation!.message.includes("\u001b"));
});

test("an error names the first violation and counts the others", () => {
  const violations = checkSpec({ ...good, id: "", executor: "" }, 1000);
  assert.throws(() => refuseViolations("SPEC_INVALID", violations), { message: /^execution_id: .*\(and 1 more\)$/ });
});

test("the digest does not depend on the order of keys or on the trace", () => {
  const one = digestOf({ ...good, config: { a: "1", b: "2" } }, "key");
  assert.equal(one, digestOf({ ...good, config: { b: "2", a: "1" }, traceContext: { traceparent: "x" } }, "key"));
  assert.notEqual(one, digestOf({ ...good, config: { a: "1", b: "3" } }, "key"));
  assert.notEqual(one, digestOf({ ...good, config: { a: "1", b: "2" } }, "other key"));
});

test("defaults fill what is unset, and the host's output cap is the most there is", () => {
  const limits = withDefaults(
    { attemptTimeoutMs: 5, maxOutputBytes: 1e9 },
    { graceMs: 10, maxOutputBytes: 1e6, attemptTimeoutMs: 7 },
    mute,
  );
  assert.equal(limits.attemptTimeoutMs, 5);
  assert.equal(limits.graceMs, 10);
  assert.equal(limits.maxOutputBytes, 1e6);
});

test("a limit on heartbeats is refused where there are none, and the host's default does not hold there", () => {
  const asking = { ...good, limits: { heartbeatTimeoutMs: 5 } };
  assert.deepEqual(
    checkAbilities(asking, mute).map(({ field }) => field),
    ["limits.heartbeat_timeout"],
  );
  assert.deepEqual(checkAbilities(asking, beating), []);
  const defaults = { graceMs: 10, maxOutputBytes: 1e6, heartbeatTimeoutMs: 7 };
  assert.equal(withDefaults({}, defaults, mute).heartbeatTimeoutMs, undefined);
  assert.equal(withDefaults({}, defaults, beating).heartbeatTimeoutMs, 7);
  assert.equal(withDefaults({ heartbeatTimeoutMs: 5 }, defaults, beating).heartbeatTimeoutMs, 5);
});
