import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("an execution id", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["noop", "echo", "gate", "counter"] });
  });
  after(() => host[Symbol.asyncDispose]());

  test("is chosen by the host if the scheduler names none", guard, async () => {
    const { execution } = await host.client.submit({ executor: "noop" });
    assert.match(execution.spec.id, /^[0-9a-f-]{36}$/);
    assert.equal((await collect(host.client.watch(execution.spec.id))).result.outcome, "SUCCEEDED");
  });

  test("attaches a repeat to the run there is, while it runs and after it", guard, async () => {
    const file = host.path("repeat");
    const request = { id: "repeat", executor: "gate", config: { file }, labels: { a: "1", b: "2" } };
    const first = host.client.execute(request);
    await first.next();
    const second = host.client.execute({ ...request, labels: { b: "2", a: "1" } });
    const submission = await host.client.submit(request);
    assert.equal(submission.alreadyKnown, true);
    writeFileSync(file, "");
    const followed = await collect(second);
    await Array.fromAsync(first);
    assert.deepEqual((await collect(host.client.execute(request))).events, followed.events);
    assert.equal((await host.client.get("repeat")).attempts.length, 1);
  });

  test("is one run, however many ask for it at once", guard, async () => {
    const file = host.path("count");
    const request = { id: "storm", executor: "counter", config: { file } };
    const connections = await Promise.all([host.connect(), host.connect(), host.connect()]);
    const all = [host.client, ...connections].flatMap((client) => Array.from({ length: 10 }, () => client));
    const submissions = await Promise.all(all.map((client) => client.submit(request)));
    assert.equal(submissions.filter(({ alreadyKnown }) => !alreadyKnown).length, 1);
    await collect(host.client.watch("storm"));
    assert.equal(readFileSync(file, "utf8"), "ran\n");
    for (const client of connections) await client[Symbol.asyncDispose]();
  });

  test("is refused for another payload, while it runs, after it, and after a restart", guard, async () => {
    const id = "taken";
    await collect(host.client.execute({ id, executor: "echo", config: { text: "one" } }));
    const conflict = {
      code: "EXECUTION_ID_CONFLICT",
      message: 'execution "taken" exists with another payload',
      hint: /use a new id/,
      retryable: false,
    };
    const others = [
      { id, executor: "echo", config: { text: "two" } },
      { id, executor: "noop" },
      { id, executor: "echo", config: { text: "one" }, jobName: "x" },
      { id, executor: "echo", config: { text: "one" }, labels: { x: "y" } },
      { id, executor: "echo", config: { text: "one" }, limits: { attemptTimeoutMs: 1_000 } },
      { id, executor: "echo", config: { text: "one" }, retry: { maxAttempts: 2 } },
    ];
    for (const other of others) {
      await assert.rejects(host.client.submit(other), conflict);
      await assert.rejects(collect(host.client.execute(other)), conflict);
    }
    await host.restart();
    await assert.rejects(host.client.submit({ id, executor: "echo", config: { text: "two" } }), conflict);
    const same = await host.client.submit({ id, executor: "echo", config: { text: "one" } });
    assert.equal(same.alreadyKnown, true);
    assert.equal(same.execution.state, "FINISHED");
  });

  test("conflicts among concurrent requests let exactly one payload win", guard, async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `payload ${index % 3}`);
    const settled = await Promise.allSettled(
      texts.map((text) => host.client.submit({ id: "race", executor: "echo", config: { text } })),
    );
    const { stdout } = await collect(host.client.watch("race"));
    settled.forEach((outcome, index) => {
      const won = texts[index] === stdout.toString();
      assert.equal(outcome.status, won ? "fulfilled" : "rejected", texts[index]);
      if (outcome.status === "rejected")
        assert.equal((outcome.reason as { code: string }).code, "EXECUTION_ID_CONFLICT");
    });
  });

  test("that was refused may be used again with a payload that is right", guard, async () => {
    await assert.rejects(
      host.client.submit({ id: "mended", executor: "echo", config: { text: "x", exitCode: "999" } }),
      { code: "CONFIG_INVALID" },
    );
    await assert.rejects(host.client.get("mended"), { code: "EXECUTION_NOT_FOUND" });
    const run = await collect(host.client.execute({ id: "mended", executor: "echo", config: { text: "now" } }));
    assert.equal(run.stdout.toString(), "now");
  });
});
