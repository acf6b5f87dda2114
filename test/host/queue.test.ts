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
});
