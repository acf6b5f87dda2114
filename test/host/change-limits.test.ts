import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { collect, collected, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

const hourMs = 3_600_000;

describe("a change of limits", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["beater", "deaf", "failing", "gate", "noop", "watchful"] });
  });
  after(() => host[Symbol.asyncDispose]());

  /** Execute, and read until it runs. */
  async function running(request: Parameters<TestHost["client"]["execute"]>[0]) {
    const stream = host.client.execute(request);
    return { stream, seen: await until(stream, (event) => event.type === "started") };
  }

  test("gives a running execution more time, and says so to watchers and in the journal", guard, async () => {
    const file = host.path("more");
    const limits = { attemptTimeoutMs: 3_000, totalTimeoutMs: 30_000 };
    const { stream, seen } = await running({ id: "more", executor: "gate", config: { file }, limits });
    const reason = "the disk is slow today";
    const answer = await host.client.changeLimits(
      "more",
      { attemptTimeoutMs: hourMs },
      { lift: ["total_timeout"], reason },
    );
    assert.deepEqual(
      [answer.execution.limits.attemptTimeoutMs, answer.execution.limits.totalTimeoutMs],
      [hourMs, undefined],
    );
    assert.deepEqual(answer.execution.spec.limits.attemptTimeoutMs, 3_000, "what was asked for stays as it was");
    // One that came later with the same limits is over by now, and the first would be as well.
    const other = await collect(
      host.client.execute({ executor: "gate", config: { file: host.path("never") }, limits }),
    );
    assert.equal(other.result.outcome, "TIMED_OUT");
    assert.equal((await host.client.get("more")).state, "RUNNING");
    writeFileSync(file, "");
    const run = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.equal(run.result.outcome, "SUCCEEDED");
    const [told, ...others] = run.events.filter((event) => event.type === "limitsChanged");
    assert.deepEqual([told?.limits, told?.reason, others], [answer.execution.limits, reason, []]);
    await host.restart();
    assert.deepEqual((await host.client.get("more")).limits, answer.execution.limits);
  });

  test("that is made twice is one change", guard, async () => {
    const file = host.path("twice");
    const { stream, seen } = await running({ id: "twice", executor: "gate", config: { file } });
    for (let time = 1; time <= 3; time++) await host.client.changeLimits("twice", { totalTimeoutMs: hourMs });
    writeFileSync(file, "");
    const run = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.equal(run.events.filter((event) => event.type === "limitsChanged").length, 1);
  });

  for (const [name, code] of [
    ["attemptTimeoutMs", "ATTEMPT_TIMEOUT"],
    ["totalTimeoutMs", "TOTAL_TIMEOUT"],
    ["noOutputTimeoutMs", "NO_OUTPUT_TIMEOUT"],
    ["heartbeatTimeoutMs", "HEARTBEAT_TIMEOUT"],
  ] as const) {
    test(`to ${name} ends at once what is over by the new limit`, guard, async () => {
      const limits = { heartbeatTimeoutMs: hourMs };
      const id = `short-${name}`;
      const { stream, seen } = await running({ id, executor: "beater", config: { end: "hang" }, limits });
      await host.client.changeLimits(id, { [name]: 1 });
      const run = collected([...seen, ...(await Array.fromAsync(stream))]);
      assert.deepEqual([run.result.outcome, run.result.code], ["TIMED_OUT", code]);
      assert.match(run.result.message, /1ms/);
    });
  }

  test("holds for later attempts, too", guard, async () => {
    const stream = host.client.execute({
      id: "later",
      executor: "failing",
      config: { kind: "retryable" },
      retry: { maxAttempts: 2, initialBackoffMs: hourMs, maxBackoffMs: hourMs },
    });
    await until(stream, (event) => event.type === "attemptFinished");
    const { execution } = await host.client.changeLimits("later", { attemptTimeoutMs: 5, totalTimeoutMs: 6 });
    assert.equal(execution.limits.attemptTimeoutMs, 5);
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result" && last.result.code === "TOTAL_TIMEOUT", "the wait for it is part of the whole");
  });

  test("reaches an executor that goes by its deadline", guard, async () => {
    const limits = { attemptTimeoutMs: hourMs };
    const { stream } = await running({ id: "told", executor: "watchful", limits });
    const deadlines = async () => {
      const { stdout } = await collectedSoFar("told");
      return stdout.split("\n").filter((line) => line !== "");
    };
    await eventually("the first deadline", async () => (await deadlines()).length === 1);
    const { warnings } = await host.client.changeLimits("told", { attemptTimeoutMs: 2 * hourMs });
    assert.deepEqual(warnings, []);
    const [first = "", second = ""] = await eventually("the second deadline", async () => {
      const found = await deadlines();
      return found.length === 2 && found;
    });
    assert.equal(Date.parse(second) - Date.parse(first), hourMs);
    await host.client.changeLimits("told", {}, { lift: ["attempt_timeout"] });
    await eventually("the end of deadlines", async () => (await deadlines())[2] === "none");
    await host.client.cancel("told");
    await Array.fromAsync(stream);
  });

  async function collectedSoFar(id: string): Promise<{ readonly stdout: string }> {
    const events = await Array.fromAsync(host.client.watch(id, { follow: false }));
    return { stdout: events.map((event) => (event.type === "output" ? event.data.toString() : "")).join("") };
  }

  test("warns of an executor that may go by its earlier deadline", guard, async () => {
    const file = host.path("warned");
    const { stream } = await running({
      id: "warned",
      executor: "gate",
      config: { file },
      limits: { attemptTimeoutMs: hourMs },
    });
    const later = await host.client.changeLimits("warned", { attemptTimeoutMs: 2 * hourMs });
    assert.match(
      later.warnings.join(),
      /^executor "gate" was told to be done by 20.*Z, and may still end the work then$/,
    );
    const earlier = await host.client.changeLimits("warned", { attemptTimeoutMs: hourMs / 2 });
    assert.deepEqual(earlier.warnings, [], "the host itself keeps the earlier one");
    writeFileSync(file, "");
    await Array.fromAsync(stream);
  });

  test("comes too late for what has ended, or is being stopped", guard, async () => {
    await collect(host.client.execute({ id: "over", executor: "noop" }));
    await assert.rejects(host.client.changeLimits("over", { attemptTimeoutMs: 5 }), {
      code: "EXECUTION_OVER",
      message: 'execution "over" has ended: its limits cannot be changed any more',
    });
    const { stream } = await running({ id: "ending", executor: "deaf", limits: { graceMs: 500 } });
    await host.client.cancel("ending");
    await assert.rejects(host.client.changeLimits("ending", { attemptTimeoutMs: hourMs }), {
      code: "EXECUTION_OVER",
      message: 'execution "ending" is being stopped: its limits cannot be changed any more',
    });
    await Array.fromAsync(stream);
    await assert.rejects(host.client.changeLimits("nobody", { attemptTimeoutMs: 5 }), { code: "EXECUTION_NOT_FOUND" });
  });

  test("stays within what the host allows", guard, async () => {
    await using strict = await TestHost.start({
      executors: ["gate"],
      settings: { limits: { maxTotalTimeoutMs: hourMs, graceMs: 10_000 } },
    });
    const file = strict.path("within");
    const stream = strict.client.execute({ id: "within", executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    await assert.rejects(strict.client.changeLimits("within", { totalTimeoutMs: hourMs + 1_000 }), {
      code: "SPEC_INVALID",
      message: "limits.total_timeout: more than this host allows: 1h1s",
    });
    await assert.rejects(strict.client.changeLimits("within", {}, { lift: ["total_timeout"] }), {
      message: 'lift[0]: this host has a maximum of the limit "total_timeout"',
    });
    const { execution } = await strict.client.changeLimits("within", { totalTimeoutMs: hourMs / 2 });
    assert.equal(execution.limits.totalTimeoutMs, hourMs / 2);
    writeFileSync(file, "");
    await Array.fromAsync(stream);
  });

  test("that makes no sense is refused, by the name of what is wrong, and changes nothing", guard, async () => {
    const file = host.path("wrong");
    const { stream } = await running({ id: "wrong", executor: "gate", config: { file } });
    const rows = [
      [{ attemptTimeoutMs: 0 }, [], "limits.attempt_timeout"],
      [{ totalTimeoutMs: 2 ** 31 }, [], "limits.total_timeout"],
      [{ queueTimeoutMs: 5 }, [], "limits.queue_timeout"],
      [{ maxOutputBytes: 5 }, [], "limits.max_output_bytes"],
      [{ heartbeatTimeoutMs: 5 }, [], "limits.heartbeat_timeout"],
      [{}, ["grace"], "lift[0]"],
      [{}, ["attempt_timeuot"], "lift[0]"],
      [{ attemptTimeoutMs: 5 }, ["attempt_timeout"], "lift[0]"],
      [{}, [], "limits"],
    ] as const;
    for (const [limits, lift, field] of rows) {
      await assert.rejects(
        host.client.changeLimits("wrong", limits, { lift }),
        (error: { code: string; message: string }) => {
          assert.equal(error.code, "SPEC_INVALID");
          return error.message.startsWith(`${field}: `);
        },
      );
    }
    const { limits } = await host.client.get("wrong");
    assert.deepEqual([limits.attemptTimeoutMs, limits.graceMs], [undefined, 10_000], "the defaults in force are shown");
    writeFileSync(file, "");
    await Array.fromAsync(stream);
  });
});
