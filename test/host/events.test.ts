import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { writeFile } from "node:fs/promises";
import { assertContiguous, collect, collected, outputOf, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("the events of an execution", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["noop", "echo", "gate", "flood", "batcher"] });
  });
  after(() => host[Symbol.asyncDispose]());

  test("come in the order of its life, from 1 without gaps, with one result as the last", guard, async () => {
    const run = await collect(host.client.execute({ executor: "echo", config: { text: "out", stderr: "err" } }));
    const kinds = run.events.map((event) => (event.type === "state" ? event.state : event.type));
    assert.deepEqual(kinds, ["QUEUED", "STARTING", "RUNNING", "started", "progress", "output", "output", "result"]);
    assert.deepEqual(
      run.events.map((event) => event.attempt),
      [0, 1, 1, 1, 1, 1, 1, 1],
    );
    assert.equal(run.stdout.toString(), "out");
    assert.equal(run.stderr.toString(), "err");
    assert.equal(run.result.outcome, "SUCCEEDED");
    assert.equal(run.result.exitCode, 0);
    assert.equal(run.result.effect, "NONE");
  });

  test("are each taken by itself when an executor sends several in one message", guard, async () => {
    const run = await collect(host.client.execute({ executor: "batcher" }));
    assertContiguous(run.events);
    const kinds = run.events.map(({ type }) => type).filter((type) => type !== "state");
    assert.deepEqual(kinds, ["started", "output", "output", "result"]);
    assert.equal(run.stdout.toString(), "one two");
    assert.equal(run.result.outcome, "SUCCEEDED");
  });

  test("tell the executor's own words: progress, evidence, warnings", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "echo",
        config: { text: "", token: "t", exitCode: "3" },
        jobName: "nightly",
        labels: { team: "data" },
        traceContext: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
      }),
    );
    const progress = run.events.find((event) => event.type === "progress");
    assert.deepEqual([progress?.fraction, progress?.message], [0.5, "half way"]);
    assert.deepEqual(run.result.evidence, {
      attempt: 1,
      jobName: "nightly",
      labels: { team: "data" },
      traceContext: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    });
    assert.deepEqual(run.result.warnings, ["a token was given"]);
    assert.equal(run.result.outcome, "FAILED");
    assert.equal(run.result.exitCode, 3);
    assert.equal(run.result.code, "EXIT_CODE");
  });

  test("are the same for whoever executes, watches later, or watches from the middle", guard, async () => {
    const { events } = await collect(host.client.execute({ id: "again", executor: "echo", config: { text: "x" } }));
    assert.deepEqual((await collect(host.client.watch("again"))).events, events);
    for (let from = 1; from <= events.length; from++) {
      const rest = await Array.fromAsync(host.client.watch("again", { fromSequence: from }));
      assert.deepEqual(rest, events.slice(from - 1), `from ${from}`);
    }
    assert.deepEqual(await Array.fromAsync(host.client.watch("again", { fromSequence: events.length + 1 })), []);
  });

  test("reach many watchers that come before, during and after it", guard, async () => {
    const file = host.path("many");
    await host.client.submit({ id: "many", executor: "gate", config: { file } });
    const early = Array.from({ length: 10 }, () => collect(host.client.watch("many")));
    const first = host.client.watch("many");
    const seen = await until(first, (event) => event.type === "started");
    const middle = Array.from({ length: 10 }, () => collect(host.client.watch("many")));
    await writeFile(file, "");
    const whole = collected([...seen, ...(await Array.fromAsync(first))]);
    assert.equal(whole.stdout.toString(), "through\n");
    for (const run of await Promise.all([...early, ...middle, collect(host.client.watch("many"))])) {
      assert.deepEqual(run.events, whole.events);
    }
  });

  test("can be read up to now without waiting for more", guard, async () => {
    const file = host.path("now");
    await using stream = host.client.execute({ id: "now", executor: "gate", config: { file } });
    const seen = await until(stream, (event) => event.type === "started");
    const now = await Array.fromAsync(host.client.watch("now", { follow: false }));
    assert.deepEqual(now, seen);
    await writeFile(file, "");
    await Array.fromAsync(stream);
  });

  test("are still there after a restart of the host, byte for byte", guard, async () => {
    const big = await collect(host.client.execute({ id: "big", executor: "flood", config: { size: "3M" } }));
    const small = await collect(host.client.execute({ id: "small", executor: "noop" }));
    const stored = await host.client.get("big");
    await host.restart();
    assert.deepEqual((await collect(host.client.watch("big"))).events, big.events);
    assert.deepEqual((await collect(host.client.watch("small"))).events, small.events);
    assert.deepEqual(await host.client.get("big"), stored);
    const middle = Math.floor(big.events.length / 2);
    const rest = await Array.fromAsync(host.client.watch("big", { fromSequence: middle }));
    assertContiguous(rest, middle);
    assert.equal(rest.at(-1)?.type, "result");
    assert.equal(outputOf(big.events, "stdout").length + outputOf(big.events, "stderr").length, 3 * 1024 ** 2);
  });

  test("cannot be read of an execution that is not there", guard, async () => {
    await assert.rejects(Array.fromAsync(host.client.watch("nobody")), {
      code: "EXECUTION_NOT_FOUND",
      message: 'no execution has the id "nobody"',
      hint: /retention/,
    });
  });
});
