import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("a limit", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({
      executors: ["sleeper", "gate", "unstarted", "failing", "drip"],
      settings: { maxConcurrentPerExecutor: 1 },
    });
  });
  after(() => host[Symbol.asyncDispose]());

  test("on waiting ends an execution that got no slot, and nothing was done", guard, async () => {
    const file = host.path("queue");
    await using running = host.client.execute({ executor: "gate", config: { file } });
    await until(running, (event) => event.type === "started");
    const run = await collect(
      host.client.execute({ executor: "gate", config: { file }, limits: { queueTimeoutMs: 100 } }),
    );
    assert.deepEqual(run.states, ["QUEUED"]);
    const { outcome, code, effect, retryability, message } = run.result;
    assert.deepEqual([outcome, code, effect, retryability], ["NOT_STARTED", "QUEUE_TIMEOUT", "NONE", "RETRYABLE"]);
    assert.equal(message, "no slot became free within 100ms");
    writeFileSync(file, "");
    assert.equal((await Array.fromAsync(running)).at(-1)?.type, "result", "the one in the slot is not disturbed");
  });

  test(
    "on starting ends an execution whose executor does not report a start, and nothing was done",
    guard,
    async () => {
      const run = await collect(
        host.client.execute({ executor: "unstarted", limits: { startTimeoutMs: 150, graceMs: 50 } }),
      );
      assert.deepEqual(run.states, ["QUEUED", "STARTING", "CANCELLING"]);
      const { outcome, code, effect, retryability, message } = run.result;
      assert.deepEqual([outcome, code, effect, retryability], ["NOT_STARTED", "START_TIMEOUT", "NONE", "RETRYABLE"]);
      assert.equal(message, "start limit of 150ms reached");
    },
  );

  test("on starting does not touch what has started", guard, async () => {
    const file = host.path("start");
    const run = host.client.execute({
      id: "started",
      executor: "gate",
      config: { file },
      limits: { startTimeoutMs: 2_000, attemptTimeoutMs: 2_500 },
    });
    const { result } = await collect(run);
    assert.equal(result.code, "ATTEMPT_TIMEOUT");
  });

  test("on an attempt stops it politely, and keeps what it wrote", guard, async () => {
    const run = await collect(host.client.execute({ executor: "sleeper", limits: { attemptTimeoutMs: 150 } }));
    assert.deepEqual(run.states, ["QUEUED", "STARTING", "RUNNING", "CANCELLING"]);
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
    const { outcome, code, message, stop, evidence } = run.result;
    assert.deepEqual([outcome, code, message], ["TIMED_OUT", "ATTEMPT_TIMEOUT", "attempt limit of 150ms reached"]);
    assert.deepEqual(
      stop?.steps.map((step) => step.action),
      ["cancel"],
    );
    assert.deepEqual(stop.survivors, []);
    assert(Number(evidence?.["graceMs"]) < 10_000, "the executor gets less than the whole grace time");
  });

  test("on an attempt counts anew for each attempt", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "sleeper",
        limits: { attemptTimeoutMs: 100 },
        retry: { maxAttempts: 2, initialBackoffMs: 1, idempotent: true },
      }),
    );
    const [first] = run.events.filter((event) => event.type === "attemptFinished");
    assert.equal(first?.result?.code, "ATTEMPT_TIMEOUT");
    assert.equal(run.result.code, "ATTEMPT_TIMEOUT");
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n".repeat(2));
  });

  test("on the whole ends a running attempt, and no other follows", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "sleeper",
        limits: { totalTimeoutMs: 150 },
        retry: { maxAttempts: 5, idempotent: true },
      }),
    );
    assert.deepEqual([run.result.outcome, run.result.code], ["TIMED_OUT", "TOTAL_TIMEOUT"]);
    assert.equal(run.result.message, "total limit of 150ms reached");
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
  });

  test("on the whole ends a wait between two attempts, and knows what the first one did", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "failing",
        config: { kind: "retryable" },
        limits: { totalTimeoutMs: 300 },
        retry: { maxAttempts: 2, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 },
      }),
    );
    assert.deepEqual([run.result.outcome, run.result.code], ["TIMED_OUT", "TOTAL_TIMEOUT"]);
    assert.equal(run.result.effect, "UNKNOWN");
    assert.equal(run.stdout.toString(), "attempt 1\n");
  });

  test("on the whole ends a wait for a slot, and nothing was done", guard, async () => {
    const file = host.path("total-queue");
    await using running = host.client.execute({ executor: "gate", config: { file } });
    await until(running, (event) => event.type === "started");
    const run = await collect(
      host.client.execute({ executor: "gate", config: { file }, limits: { totalTimeoutMs: 100 } }),
    );
    assert.deepEqual([run.result.outcome, run.result.code, run.result.effect], ["TIMED_OUT", "TOTAL_TIMEOUT", "NONE"]);
    assert.deepEqual(run.states, ["QUEUED"]);
    writeFileSync(file, "");
    await Array.fromAsync(running);
  });

  test("on silence ends an execution that says nothing", guard, async () => {
    const run = await collect(host.client.execute({ executor: "sleeper", limits: { noOutputTimeoutMs: 300 } }));
    assert.deepEqual([run.result.outcome, run.result.code], ["TIMED_OUT", "NO_OUTPUT_TIMEOUT"]);
    assert.equal(run.result.message, "no output for 300ms");
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
  });

  test("on silence leaves alone what goes on talking, by output or by progress", guard, async () => {
    for (const by of ["output", "progress"]) {
      const config = { by, times: "30", everyMs: "40" };
      const run = await collect(host.client.execute({ executor: "drip", config, limits: { noOutputTimeoutMs: 900 } }));
      assert.equal(run.result.outcome, "SUCCEEDED", by);
    }
  });

  test("beyond what the host allows is refused, and what asks for none has the most there is", guard, async () => {
    await using strict = await TestHost.start({
      executors: ["sleeper", "gate"],
      settings: {
        limits: { maxAttemptTimeoutMs: 150, maxTotalTimeoutMs: 60_000, totalTimeoutMs: 90_000, graceMs: 10_000 },
      },
    });
    const request = { executor: "sleeper", limits: { attemptTimeoutMs: 151, totalTimeoutMs: 61_000 } };
    await assert.rejects(collect(strict.client.execute(request)), {
      code: "SPEC_INVALID",
      message: "limits.attempt_timeout: more than this host allows: 151ms (and 1 more)",
      hint: "at most 150ms",
    });
    assert.deepEqual(
      (await strict.client.validate(request)).map(({ field }) => field),
      ["limits.attempt_timeout", "limits.total_timeout"],
    );
    const bound = await collect(strict.client.execute({ id: "bound", executor: "sleeper" }));
    assert.equal(bound.result.message, "attempt limit of 150ms reached");
    assert.equal((await strict.client.get("bound")).limits.totalTimeoutMs, 60_000);
  });

  test("that the host sets holds for executions that set none, and gives way to theirs", guard, async () => {
    await using strict = await TestHost.start({
      executors: ["sleeper"],
      settings: { limits: { attemptTimeoutMs: 150, graceMs: 10_000 } },
    });
    const bound = await collect(strict.client.execute({ executor: "sleeper" }));
    assert.equal(bound.result.message, "attempt limit of 150ms reached");
    const own = await collect(strict.client.execute({ executor: "sleeper", limits: { attemptTimeoutMs: 160 } }));
    assert.equal(own.result.message, "attempt limit of 160ms reached");
  });
});
