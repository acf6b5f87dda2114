import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { assertContiguous, collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

describe("a cancel", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({
      executors: ["noop", "gate", "sleeper", "failing", "unstarted", "exclusive"],
      settings: { maxConcurrentPerExecutor: 2 },
    });
  });
  after(() => host[Symbol.asyncDispose]());

  test("ends a queued execution at once, and those in the slots go on", guard, async () => {
    const file = host.path("queued");
    const request = { executor: "gate", config: { file } };
    const running = [1, 2].map(() => host.client.execute(request));
    for (const stream of running) await until(stream, (event) => event.type === "started");
    await host.client.submit({ ...request, id: "queued" });
    const answer = await host.client.cancel("queued", { reason: "not needed" });
    assert(answer.state === "QUEUED" || answer.state === "FINISHED", answer.state);
    const run = await collect(host.client.watch("queued"));
    assert.deepEqual(run.states, ["QUEUED"]);
    const { outcome, code, effect, message } = run.result;
    assert.deepEqual([outcome, code, effect, message], ["CANCELLED", "CANCELLED", "NONE", "cancelled: not needed"]);
    assert.deepEqual((await host.client.get("queued")).attempts, []);
    writeFileSync(file, "");
    for (const stream of running) {
      const last = (await Array.fromAsync(stream)).at(-1);
      assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
    }
  });

  test("ends an execution that is starting, and nothing was done", guard, async () => {
    const stream = host.client.execute({ id: "starting", executor: "unstarted" });
    const seen = await until(stream, (event) => event.type === "state" && event.state === "STARTING");
    assert.equal((await host.client.cancel("starting", { graceMs: 50 })).spec.id, "starting");
    const events = [...seen, ...(await Array.fromAsync(stream))];
    assertContiguous(events);
    const last = events.at(-1);
    assert(last?.type === "result");
    assert.deepEqual([last.result.outcome, last.result.effect], ["CANCELLED", "NONE"]);
    assert.deepEqual(
      last.result.stop?.steps.map((step) => step.action),
      ["cancel", "call-cancelled"],
    );
  });

  test("ends an execution whose executor's process is still being started", guard, async () => {
    const open = host.path("late-start");
    await host.plugins.script(
      "late",
      `#!/bin/sh\nwhile [ ! -e '${open}' ]; do sleep 0.02; done\nexec "$(dirname "$0")/dkron-executor-gate"\n`,
    );
    writeFileSync(open, "");
    const file = host.path("never");
    // The host asks an executor what it takes when it first hears of it; this is about the time after that.
    const { executor } = await host.client.describeExecutor("late");
    assert.equal(executor.state, "READY");
    process.kill(executor.processes[0]?.pid ?? 0, "SIGKILL");
    await eventually(
      "the process is gone",
      async () =>
        (await host.client.listExecutors()).executors.find(({ name }) => name === "late")?.processes.length === 0,
    );
    rmSync(open);
    const stream = host.client.execute({ id: "late", executor: "late", config: { file } });
    await until(stream, (event) => event.type === "state" && event.state === "STARTING");
    await host.client.cancel("late");
    const run = await collect(host.client.watch("late"));
    assert.deepEqual([run.result.outcome, run.result.effect], ["CANCELLED", "NONE"]);
    await Array.fromAsync(stream);
    writeFileSync(open, "");
    await eventually(
      "the start goes on for others",
      async () => (await host.client.listExecutors()).executors.find(({ name }) => name === "late")?.state === "READY",
    );
  });

  test("asks a running execution, which ends in its own words, with the host's reason", guard, async () => {
    const stream = host.client.execute({ id: "running", executor: "sleeper", limits: { graceMs: 5_000 } });
    await until(stream, (event) => event.type === "output");
    const answer = await host.client.cancel("running", { reason: "enough", graceMs: 2_000 });
    assert(answer.state === "CANCELLING" || answer.state === "FINISHED", answer.state);
    await Array.fromAsync(stream);
    const run = await collect(host.client.watch("running"));
    assert.deepEqual(run.states, ["QUEUED", "STARTING", "RUNNING", "CANCELLING"]);
    const cancelling = run.events.find((event) => event.type === "state" && event.state === "CANCELLING");
    assert(cancelling?.type === "state" && cancelling.reason === "cancelled: enough");
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n", "output flows on during the grace time");
    const { outcome, code, message, effect, evidence, stop } = run.result;
    assert.deepEqual([outcome, code, message, effect], ["CANCELLED", "CANCELLED", "cancelled: enough", "NONE"]);
    assert.equal(
      evidence?.["graceMs"],
      1_800,
      "the executor gets the caller's grace time, less the host's own part of it",
    );
    assert.deepEqual(
      stop?.steps.map(({ action, detail }) => [action, detail]),
      [["cancel", "cancelled: enough"]],
    );
    assert.deepEqual(stop.survivors, []);
  });

  test("is the same when it is sent again and again", guard, async () => {
    const stream = host.client.execute({ id: "twice", executor: "sleeper" });
    await until(stream, (event) => event.type === "output");
    await Promise.all(["first", "second", "third"].map((reason) => host.client.cancel("twice", { reason })));
    await Array.fromAsync(stream);
    const run = await collect(host.client.watch("twice"));
    assert.deepEqual(run.states, ["QUEUED", "STARTING", "RUNNING", "CANCELLING"]);
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
    assert.equal(run.result.message, "cancelled: first");
  });

  test("leaves a finished execution alone, also after a restart", guard, async () => {
    const { events } = await collect(host.client.execute({ id: "over", executor: "noop" }));
    const first = await host.client.cancel("over", { reason: "too late" });
    assert.deepEqual([first.state, first.result?.outcome], ["FINISHED", "SUCCEEDED"]);
    await host.restart();
    const second = await host.client.cancel("over");
    assert.deepEqual([second.state, second.result?.outcome], ["FINISHED", "SUCCEEDED"]);
    assert.deepEqual((await collect(host.client.watch("over"))).events, events);
  });

  test("ends the wait for another attempt, and knows what the one before did", guard, async () => {
    const retry = { maxAttempts: 2, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 };
    const stream = host.client.execute({ id: "retry", executor: "failing", config: { kind: "retryable" }, retry });
    await until(stream, (event) => event.type === "attemptFinished");
    await host.client.cancel("retry", { reason: "give up" });
    const { result } = (await Array.fromAsync(stream)).at(-1) as {
      result: { outcome: string; effect: string; message: string };
    };
    assert.deepEqual([result.outcome, result.effect, result.message], ["CANCELLED", "UNKNOWN", "cancelled: give up"]);
    assert.equal((await host.client.get("retry")).attempts.length, 1);
  });

  test(
    "ends an executor that cannot cancel, which runs one execution only, and no other process of it",
    guard,
    async () => {
      const file = host.path("exclusive");
      const request = { executor: "exclusive", config: { file } };
      const [one, other] = [
        host.client.execute({ ...request, id: "one" }),
        host.client.execute({ ...request, id: "other" }),
      ];
      const pids = await Promise.all(
        [one, other].map(async (stream) => {
          const output = (await until(stream, (event) => event.type === "output")).at(-1);
          return Number(output?.type === "output" ? output.data : Number.NaN);
        }),
      );
      assert.notEqual(pids[0], pids[1], "each has a process of its own");
      await host.client.cancel("one", { graceMs: 1_000 });
      const last = (await Array.fromAsync(one)).at(-1);
      assert(last?.type === "result");
      assert.deepEqual([last.result.outcome, last.result.code], ["CANCELLED", "CANCELLED"]);
      assert.deepEqual(last.result.stop?.survivors, []);
      assert.deepEqual(pids.map(isRunning), [false, true]);
      writeFileSync(file, "");
      const otherLast = (await Array.fromAsync(other)).at(-1);
      assert(otherLast?.type === "result" && otherLast.result.outcome === "SUCCEEDED");
      const { executors } = await host.client.listExecutors();
      assert.equal(executors.find(({ name }) => name === "exclusive")?.crashes, 0, "a stop is no crash");
    },
  );

  test("wins against a result only if it comes first: the work's own success counts", guard, async () => {
    const file = host.path("photo-finish");
    const ids = Array.from({ length: 20 }, (_, index) => `photo-${index}`);
    for (const id of ids) {
      const stream = host.client.execute({ id, executor: "noop" });
      const cancelled = host.client.cancel(id).catch(() => undefined);
      const events = await Array.fromAsync(stream);
      await cancelled;
      assertContiguous(events);
      const last = events.at(-1);
      assert(last?.type === "result");
      assert(["SUCCEEDED", "CANCELLED"].includes(last.result.outcome), last.result.outcome);
      assert.equal(last.result.effect, "NONE");
      const stored = await host.client.get(id);
      assert.equal(stored.result?.outcome, last.result.outcome);
    }
    writeFileSync(file, "");
  });

  test("refuses a grace time that is none", guard, async () => {
    const stream = host.client.execute({ id: "grace", executor: "sleeper" });
    await until(stream, (event) => event.type === "output");
    for (const graceMs of [-1, 2 ** 31]) {
      await assert.rejects(host.client.cancel("grace", { graceMs }), {
        code: "SPEC_INVALID",
        message: `grace: out of range: ${graceMs / 1000}s`,
        hint: "0 to 24 days",
        violations: [{ field: "grace", message: `out of range: ${graceMs / 1000}s`, hint: "0 to 24 days" }],
      });
    }
    assert.equal((await host.client.get("grace")).state, "RUNNING");
    await host.client.cancel("grace");
    await Array.fromAsync(stream);
  });
});
