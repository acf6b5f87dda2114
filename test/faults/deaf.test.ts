import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

describe("an executor that ignores a cancel", guard, () => {
  test(
    "gets no new work, is killed when its neighbours are done, and the verdict tells every step",
    guard,
    async () => {
      await using host = await TestHost.start({ executors: ["deaf"], timeouts: { abandonMs: 300 } });
      const file = host.path("file");
      const stubborn = host.client.execute({ id: "stubborn", executor: "deaf" });
      const neighbour = host.client.execute({ id: "neighbour", executor: "deaf", config: { file } });
      for (const stream of [stubborn, neighbour]) await until(stream, (event) => event.type === "output");
      const pid = (await host.client.get("stubborn")).attempts[0]?.executorPid ?? 0;
      await host.client.cancel("stubborn", { reason: "enough", graceMs: 300 });

      // Once the process is in quarantine, the next execution gets another one.
      const fresh = await freshExecution(host, pid);
      assert(isRunning(pid), "the neighbour may finish");
      assert.equal((await host.client.get("neighbour")).state, "RUNNING");
      assert.equal((await host.client.get("stubborn")).state, "CANCELLING");

      writeFileSync(file, "");
      const ended = (await Array.fromAsync(neighbour)).at(-1);
      assert(ended?.type === "result" && ended.result.outcome === "SUCCEEDED");
      const last = (await Array.fromAsync(stubborn)).at(-1);
      assert(last?.type === "result");
      const { outcome, code, effect, message, stop } = last.result;
      assert.deepEqual([outcome, code, effect, message], ["CANCELLED", "CANCELLED", "UNKNOWN", "cancelled: enough"]);
      assert.deepEqual(
        stop?.steps.map(({ action }) => action),
        ["cancel", "call-cancelled", "executor-SIGKILL"],
      );
      assert.deepEqual(stop.survivors, []);
      assert(!isRunning(pid));
      assert.equal((await collect(host.client.watch(fresh))).result.outcome, "SUCCEEDED");
      const { executors } = await host.client.listExecutors();
      assert.equal(executors[0]?.crashes, 0, "what the host killed did not crash");
    },
  );

  test("takes its neighbours along when they do not end in time, and they are told why", guard, async () => {
    await using host = await TestHost.start({ executors: ["deaf"], timeouts: { abandonMs: 200, quarantineMs: 300 } });
    const ids = ["stubborn", "neighbour"];
    const streams = ids.map((id) => host.client.execute({ id, executor: "deaf" }));
    for (const stream of streams) await until(stream, (event) => event.type === "output");
    await host.client.cancel("stubborn", { graceMs: 100 });
    const [stubborn, neighbour] = await Promise.all(ids.map((id) => collect(host.client.watch(id))));
    assert.equal(stubborn?.result.outcome, "CANCELLED");
    assert.equal(neighbour?.result.outcome, "EXECUTOR_CRASHED");
    assert.match(neighbour.result.message, /was stopped by the host, as it ignored the cancel of another execution$/);
    assert.equal(neighbour.result.effect, "UNKNOWN");
    for (const stream of streams) await Array.fromAsync(stream);
  });

  test("twice does not wait for itself", guard, async () => {
    // Nothing here may wait for neighbours.
    const timeouts = { abandonMs: 200, quarantineMs: 3_600_000 };
    await using host = await TestHost.start({ executors: ["deaf"], timeouts });
    const ids = ["one", "two", "three"];
    const streams = ids.map((id) => host.client.execute({ id, executor: "deaf" }));
    for (const stream of streams) await until(stream, (event) => event.type === "output");
    const pid = (await host.client.get("one")).attempts[0]?.executorPid ?? 0;
    await Promise.all(ids.map((id) => host.client.cancel(id, { graceMs: 100 })));
    for (const stream of streams) {
      const last = (await Array.fromAsync(stream)).at(-1);
      assert(last?.type === "result" && last.result.outcome === "CANCELLED");
    }
    assert(!isRunning(pid));
  });

  test("at a time limit ends all the same", guard, async () => {
    await using host = await TestHost.start({ executors: ["deaf"], timeouts: { abandonMs: 200 } });
    const limits = { attemptTimeoutMs: 300, graceMs: 100 };
    const { result, stdout } = await collect(host.client.execute({ executor: "deaf", limits }));
    assert.deepEqual([result.outcome, result.code], ["TIMED_OUT", "ATTEMPT_TIMEOUT"]);
    assert.match(stdout.toString(), /^\d+\n$/);
    assert(!isRunning(Number(stdout)));
  });

  test("while the host stops is killed with it", guard, async () => {
    await using host = await TestHost.start({
      executors: ["deaf"],
      settings: { limits: { graceMs: 200 } },
      timeouts: { abandonMs: 200 },
    });
    const stream = host.client.execute({ executor: "deaf" });
    const output = (await until(stream, (event) => event.type === "output")).at(-1);
    assert(output?.type === "output");
    const left = Array.fromAsync(stream).catch(() => undefined);
    await host.stop();
    await left;
    assert(!isRunning(Number(output.data)));
  });
});

/** Start executions until one is in another process than this. @returns its id */
async function freshExecution(host: TestHost, pid: number): Promise<string> {
  for (let index = 0; ; index++) {
    const file = host.path(`fresh-${index}`);
    const id = `fresh-${index}`;
    const stream = host.client.execute({ id, executor: "deaf", config: { file } });
    const output = (await until(stream, (event) => event.type === "output")).at(-1);
    writeFileSync(file, "");
    await Array.fromAsync(stream);
    if (output?.type === "output" && Number(output.data) !== pid) return id;
  }
}
