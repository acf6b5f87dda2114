import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RetryPolicy } from "../../host/model/model.ts";
import { collect, type Collected } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("a retry policy", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["failing", "gate", "crasher", "unstarted"] });
  });
  after(() => host[Symbol.asyncDispose]());

  const quick = { maxAttempts: 3, initialBackoffMs: 10, maxBackoffMs: 20 } as const;

  function fail(config: Record<string, string>, retry: Partial<RetryPolicy>): Promise<Collected> {
    return collect(host.client.execute({ executor: "failing", config, retry }));
  }

  test("repeats a failed attempt until one succeeds, and keeps each", guard, async () => {
    const run = await fail({ kind: "retryable", succeedAt: "3" }, quick);
    assert.equal(run.result.outcome, "SUCCEEDED");
    assert.equal(run.stdout.toString(), "attempt 1\nattempt 2\nattempt 3\n");
    assert.deepEqual(
      run.states,
      ["QUEUED", ...Array.from({ length: 3 }, () => ["STARTING", "RUNNING", "QUEUED"]).flat()].slice(0, -1),
    );
    const ends = run.events.filter((event) => event.type === "attemptFinished");
    assert.deepEqual(
      ends.map(({ attempt, result }) => [attempt, result?.outcome, result?.code]),
      [
        [1, "FAILED", "BUSY"],
        [2, "FAILED", "BUSY"],
      ],
    );
    for (const { nextAttemptInMs = -1 } of ends) assert(nextAttemptInMs >= 0 && nextAttemptInMs <= 20);
    const [execution] = (await host.client.list({ executor: "failing" })).executions;
    assert.deepEqual(
      execution?.attempts.map(({ number, result }) => [number, result?.outcome]),
      [
        [1, "FAILED"],
        [2, "FAILED"],
        [3, "SUCCEEDED"],
      ],
    );
  });

  test("ends with the last attempt's result when no attempt is left", guard, async () => {
    const run = await fail({ kind: "retryable" }, { ...quick, maxAttempts: 2 });
    assert.equal(run.stdout.toString(), "attempt 1\nattempt 2\n");
    assert.deepEqual([run.result.outcome, run.result.code, run.result.message], ["FAILED", "BUSY", "busy"]);
  });

  test("waits longer from attempt to attempt", guard, async () => {
    const run = await fail(
      { kind: "retryable", succeedAt: "4" },
      { maxAttempts: 5, initialBackoffMs: 20, maxBackoffMs: 10_000, multiplier: 4 },
    );
    const waits = run.events.flatMap((event) => (event.type === "attemptFinished" ? [event.nextAttemptInMs ?? 0] : []));
    assert.equal(waits.length, 3);
    waits.forEach((wait, index) => {
      const longest = 20 * 4 ** index;
      assert(wait <= longest && wait >= longest * 0.75, `${wait} of ${longest}`);
    });
  });

  test("waits as long as the target asked for", guard, async () => {
    const run = await fail({ kind: "throttled", succeedAt: "2" }, quick);
    const [first] = run.events.filter((event) => event.type === "attemptFinished");
    assert.equal(first?.nextAttemptInMs, 700);
    assert.equal(first.result?.retryAfterMs, 700);
    const again = run.events.find((event) => event.attempt === 2);
    assert(again !== undefined && again.timeMs - first.timeMs >= 690, "the second attempt came after that time");
  });

  const rows = [
    { kind: "permanent", idempotent: true, attempts: 1, why: "a permanent failure is final" },
    { kind: "unknown", idempotent: false, attempts: 1, why: "what may have had an effect is not repeated" },
    { kind: "unknown", idempotent: true, attempts: 3, why: "unless the job may run twice" },
    { kind: "harmless", idempotent: false, attempts: 3, why: "or nothing was done" },
    { kind: "memory", idempotent: true, attempts: 3, why: "running out of memory can pass" },
  ];
  for (const { kind, idempotent, attempts, why } of rows) {
    test(
      `makes ${attempts} of 3 attempts of a job that is ${idempotent ? "" : "not "}idempotent and fails ${kind}: ${why}`,
      guard,
      async () => {
        const run = await fail({ kind }, { ...quick, idempotent });
        assert.equal(run.stdout.toString().split("\n").length - 1, attempts);
      },
    );
  }

  test("repeats what an executor's crash ended before it had started", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "crasher",
        config: { when: "before-start" },
        retry: { ...quick, maxAttempts: 2 },
      }),
    );
    assert.equal(run.result.outcome, "EXECUTOR_CRASHED");
    assert.equal(run.result.effect, "NONE");
    assert.equal(run.events.filter((event) => event.type === "attemptFinished").length, 1);
  });

  test(
    "does not repeat what an executor's crash ended in the middle, unless the job is idempotent",
    guard,
    async () => {
      const crash = (idempotent: boolean) =>
        collect(
          host.client.execute({
            executor: "crasher",
            config: { when: "after-start" },
            retry: { ...quick, maxAttempts: 2, idempotent },
          }),
        );
      const [once, twice] = await Promise.all([crash(false), crash(true)]);
      assert.equal(once.events.filter((event) => event.type === "attemptFinished").length, 0);
      assert.equal(twice.events.filter((event) => event.type === "attemptFinished").length, 1);
      for (const { result } of [once, twice])
        assert.deepEqual([result.outcome, result.effect], ["EXECUTOR_CRASHED", "UNKNOWN"]);
    },
  );

  test("repeats an attempt that did not start in time", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "unstarted",
        limits: { startTimeoutMs: 100, graceMs: 50 },
        retry: { ...quick, maxAttempts: 2 },
      }),
    );
    const [first] = run.events.filter((event) => event.type === "attemptFinished");
    assert.equal(first?.result?.outcome, "NOT_STARTED");
    assert.equal(run.result.outcome, "NOT_STARTED");
    assert.equal(run.result.code, "START_TIMEOUT");
  });

  test("gives the slot to others between two attempts", guard, async () => {
    await using narrow = await TestHost.start({ executors: ["failing"], settings: { maxConcurrentExecutions: 1 } });
    const retry = { maxAttempts: 2, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 };
    const first = narrow.client.execute({ id: "first", executor: "failing", config: { kind: "retryable" }, retry });
    for await (const event of first) if (event.type === "attemptFinished") break;
    const second = await collect(narrow.client.execute({ executor: "failing", config: { kind: "permanent" } }));
    assert.equal(second.result.code, "FORBIDDEN");
    const waiting = await narrow.client.get("first");
    assert.equal(waiting.state, "QUEUED");
    assert.match(waiting.stateReason, /^attempt 2 follows in /);
    await narrow.client.cancel("first");
    assert.equal((await collect(narrow.client.watch("first"))).result.outcome, "CANCELLED");
  });
});
