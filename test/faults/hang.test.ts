import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Timeouts } from "../../host/timeouts.ts";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

/** Short enough to wait for, long enough for a busy machine to answer in. */
const impatient: Partial<Timeouts> = { livenessAfterMs: 500, livenessMs: 2_000 };

describe("an executor's process that hangs", guard, () => {
  test("is noticed while it runs, killed, and replaced; other executors go on", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate", "sleeper"], timeouts: impatient });
    const file = host.path("file");
    const other = host.client.execute({ id: "other", executor: "sleeper" });
    await until(other, (event) => event.type === "output");
    const stream = host.client.execute({ id: "frozen", executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    const pid = (await host.client.get("frozen")).attempts[0]?.executorPid ?? 0;
    process.kill(pid, "SIGSTOP");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    const { outcome, code, effect, message } = last.result;
    assert.deepEqual([outcome, code, effect], ["EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE", "UNKNOWN"]);
    assert.equal(message, `executor process ${pid} stopped answering and was killed`);
    assert(!isRunning(pid));
    assert.equal((await host.client.get("other")).state, "RUNNING");
    writeFileSync(file, "");
    const next = await collect(host.client.execute({ executor: "gate", config: { file } }));
    assert.equal(next.result.outcome, "SUCCEEDED");
    assert.notEqual(next.result.evidence?.["pid"], pid);
    await host.client.cancel("other");
    await Array.fromAsync(other);
  });

  test("since before the execution came is noticed as well, and nothing was done", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop"], timeouts: impatient });
    await collect(host.client.execute({ id: "first", executor: "noop" }));
    const pid = (await host.client.get("first")).attempts[0]?.executorPid ?? 0;
    process.kill(pid, "SIGSTOP");
    const { result } = await collect(host.client.execute({ executor: "noop" }));
    const { outcome, effect, retryability } = result;
    assert.deepEqual([outcome, effect, retryability], ["EXECUTOR_CRASHED", "NONE", "RETRYABLE"]);
    const retried = await collect(host.client.execute({ executor: "noop" }));
    assert.equal(retried.result.outcome, "SUCCEEDED");
  });

  test("by a blocked event loop is killed, after its output was kept", guard, async () => {
    await using host = await TestHost.start({ executors: ["blocker"], timeouts: impatient });
    const { result, stdout } = await collect(host.client.execute({ executor: "blocker" }));
    assert.equal(stdout.toString(), "blocking\n");
    assert.deepEqual([result.outcome, result.code], ["EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE"]);
  });

  test("is stopped within the grace of a cancel, without waiting for an answer", guard, async () => {
    await using host = await TestHost.start({
      executors: ["sleeper"],
      timeouts: { quickCallMs: 200, livenessMs: 200, abandonMs: 200 },
    });
    const stream = host.client.execute({ id: "frozen", executor: "sleeper" });
    await until(stream, (event) => event.type === "output");
    const pid = (await host.client.get("frozen")).attempts[0]?.executorPid ?? 0;
    process.kill(pid, "SIGSTOP");
    await host.client.cancel("frozen", { graceMs: 200 });
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    assert.deepEqual([last.result.outcome, last.result.effect], ["CANCELLED", "UNKNOWN"]);
    const steps = last.result.stop?.steps.map(({ action }) => action) ?? [];
    assert.deepEqual(
      steps.filter((step) => step !== "cancel-unanswered"),
      ["cancel", "call-cancelled", "executor-SIGKILL"],
    );
    assert.deepEqual(last.result.stop?.survivors, []);
    assert(!isRunning(pid));
  });

  test("does not keep the host from stopping", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop"], timeouts: { executorStopMs: 200 } });
    await collect(host.client.execute({ id: "first", executor: "noop" }));
    const pid = (await host.client.get("first")).attempts[0]?.executorPid ?? 0;
    process.kill(pid, "SIGSTOP");
    await host.stop();
    assert(!isRunning(pid));
  });

  test("is told from a job that is merely quiet for long", guard, async () => {
    await using host = await TestHost.start({
      executors: ["gate"],
      timeouts: { livenessAfterMs: 100, livenessMs: 10_000 },
    });
    const file = host.path("file");
    const stream = host.client.execute({ executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    // Many times the silence after which it is asked.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    writeFileSync(file, "");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
  });
});
