import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("the queue", guard, () => {
  test("refuses what does not fit, says when to come back, and keeps nothing of it", guard, async () => {
    await using host = await TestHost.start({
      executors: ["gate"],
      settings: { maxConcurrentExecutions: 1, maxQueuedExecutions: 2 },
    });
    const file = host.path("open");
    const request = { executor: "gate", config: { file } };
    const running = host.client.execute({ ...request, id: "running" });
    await until(running, (event) => event.type === "started");
    for (const id of ["waiting-1", "waiting-2"]) await host.client.submit({ ...request, id });
    await assert.rejects(host.client.submit({ ...request, id: "refused" }), {
      code: "QUEUE_FULL",
      message: "the queue is full: 2 executions are waiting",
      hint: /max-queued-executions/,
      retryable: true,
      retryAfterMs: 1_000,
    });
    await assert.rejects(host.client.get("refused"), { code: "EXECUTION_NOT_FOUND" });
    const repeated = await host.client.submit({ ...request, id: "waiting-1" });
    assert.equal(repeated.alreadyKnown, true, "what is known already needs no room");
    writeFileSync(file, "");
    for (const id of ["running", "waiting-1", "waiting-2"]) {
      assert.equal((await collect(host.client.watch(id))).result.outcome, "SUCCEEDED", id);
    }
    assert.equal((await collect(host.client.execute({ ...request, id: "refused" }))).result.outcome, "SUCCEEDED");
    await Array.fromAsync(running);
  });

  test("holds its bound against a burst", guard, async () => {
    await using host = await TestHost.start({
      executors: ["gate"],
      settings: { maxConcurrentExecutions: 2, maxQueuedExecutions: 5 },
    });
    const file = host.path("open");
    const submissions = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        host.client.submit({ id: `burst-${index}`, executor: "gate", config: { file } }),
      ),
    );
    const refused = submissions.filter((submission) => submission.status === "rejected");
    assert.equal(submissions.length - refused.length, 7, "two run and five wait");
    for (const { reason } of refused) assert.equal((reason as { code: string }).code, "QUEUE_FULL");
    writeFileSync(file, "");
    const { executions } = await host.client.list();
    assert.equal(executions.length, 7);
    for (const { spec } of executions) {
      assert.equal((await collect(host.client.watch(spec.id))).result.outcome, "SUCCEEDED");
    }
  });

  test("is first come, first served", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], settings: { maxConcurrentExecutions: 1 } });
    const file = host.path("open");
    const ids = Array.from({ length: 8 }, (_, index) => `turn-${index}`);
    for (const id of ids) await host.client.submit({ id, executor: "gate", config: { file } });
    writeFileSync(file, "");
    const runs = await Promise.all(ids.map((id) => collect(host.client.watch(id))));
    const starts = runs.map(({ events }) => events.find((event) => event.type === "started")?.timeMs ?? 0);
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    );
  });

  test("of an executor that is full keeps no other executor waiting", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate", "noop"], settings: { maxConcurrentPerExecutor: 1 } });
    const file = host.path("open");
    for (const id of ["gate-1", "gate-2", "gate-3"])
      await host.client.submit({ id, executor: "gate", config: { file } });
    const waiting = await host.client.get("gate-3");
    assert.deepEqual(
      [waiting.state, waiting.stateReason],
      ["QUEUED", 'waiting for a slot: 1 of 1 are in use for executor "gate"'],
    );
    for (let run = 0; run < 5; run++) {
      assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    }
    assert.equal((await host.client.get("gate-2")).state, "QUEUED");
    writeFileSync(file, "");
    for (const id of ["gate-1", "gate-2", "gate-3"]) await collect(host.client.watch(id));
  });

  test("gives turns by priority, and to one job after the other", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], settings: { maxConcurrentExecutions: 1 } });
    const file = host.path("open");
    const submit = (id: string, jobName: string, priority = 0) =>
      host.client.submit({ id, jobName, executor: "gate", config: { file }, queueing: { priority } });
    await submit("first", "flood");
    for (const id of ["flood-1", "flood-2", "flood-3"]) await submit(id, "flood");
    await submit("small", "small");
    await submit("urgent", "urgent", 10);
    writeFileSync(file, "");
    const ids = ["first", "urgent", "small", "flood-1", "flood-2", "flood-3"];
    const runs = await Promise.all(ids.map((id) => collect(host.client.watch(id))));
    const starts = runs.map(({ events }) => events.find((event) => event.type === "started")?.timeMs ?? 0);
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
      "in the order of this list",
    );
    assert.equal((await host.client.get("urgent")).spec.queueing.priority, 10, "it is told with the execution");
  });

  test("lets executions of one key wait, skip or replace", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate", "sleeper"] });
    const file = host.path("open");
    const queueing = { concurrencyKey: "nightly" } as const;
    const request = { executor: "gate", config: { file }, queueing };
    await host.client.submit({ ...request, id: "first" });
    await host.client.submit({ ...request, id: "waiting" });
    const waiting = await host.client.get("waiting");
    assert.deepEqual(
      [waiting.state, waiting.stateReason],
      ["QUEUED", 'waiting for a slot: 1 of 1 are in use for key "nightly"'],
    );

    const skip = { ...request, queueing: { ...queueing, whenBusy: "SKIP" } } as const;
    const skipped = await collect(host.client.execute({ ...skip, id: "skipped" }));
    assert.deepEqual(
      [skipped.result.outcome, skipped.result.code, skipped.result.effect, skipped.result.message],
      ["NOT_STARTED", "SKIPPED", "NONE", 'skipped: 2 of 1 are there for key "nightly": "first", "waiting"'],
    );
    const elsewhere = { ...skip, queueing: { ...skip.queueing, concurrencyKey: "other" } };
    await host.client.submit({ ...elsewhere, id: "elsewhere" });
    assert.notEqual((await host.client.get("elsewhere")).result?.code, "SKIPPED", "other keys do not count");

    const replacement = { ...request, queueing: { ...queueing, whenBusy: "REPLACE" } } as const;
    const replacing = host.client.execute({ ...replacement, id: "replacing" });
    for (const id of ["first", "waiting"]) {
      const { result } = await collect(host.client.watch(id));
      assert.deepEqual(
        [result.outcome, result.code, result.message],
        ["CANCELLED", "REPLACED", 'replaced by execution "replacing"'],
      );
    }
    writeFileSync(file, "");
    assert.equal((await collect(replacing)).result.outcome, "SUCCEEDED");
    const again = await collect(host.client.execute({ ...skip, id: "alone" }));
    assert.equal(again.result.outcome, "SUCCEEDED", "nobody is in its way any more");
  });

  test("runs one of many that come at once and would rather be skipped", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"] });
    const file = host.path("open");
    const queueing = { concurrencyKey: "burst", whenBusy: "SKIP" } as const;
    const ids = Array.from({ length: 20 }, (_, index) => `burst-${index}`);
    await Promise.all(ids.map((id) => host.client.submit({ id, executor: "gate", config: { file }, queueing })));
    writeFileSync(file, "");
    const results = await Promise.all(ids.map(async (id) => (await collect(host.client.watch(id))).result.outcome));
    assert.equal(results.filter((outcome) => outcome === "SUCCEEDED").length, 1);
    assert.equal(results.filter((outcome) => outcome === "NOT_STARTED").length, ids.length - 1);
  });
});
