import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Executor } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

async function executorOf({ client }: Pick<TestHost, "client">): Promise<Executor> {
  const { executors } = await client.listExecutors();
  const [only] = executors;
  assert(only !== undefined, "there is one executor");
  return only;
}

describe("an executor's process", guard, () => {
  test("that hangs without work is noticed, killed, told as a crash, and replaced", guard, async () => {
    await using host = await TestHost.start({
      executors: ["noop"],
      settings: { executorWarm: 1 },
      timeouts: { livenessAfterMs: 100, livenessMs: 2_000 },
    });
    const before = await eventually("one is ready", async () => (await executorOf(host)).processes[0]?.pid);
    process.kill(before, "SIGSTOP");
    const after = await eventually("there is another one", async () => {
      const [ready] = (await executorOf(host)).processes;
      return ready !== undefined && ready.pid !== before && ready.pid;
    });
    assert(!isRunning(before));
    const { crashes, lastCrash } = await executorOf(host);
    assert.equal(crashes, 1);
    assert.match(lastCrash, new RegExp(`: process ${before} stopped answering and was killed$`));
    const { result } = await collect(host.client.execute({ id: "next", executor: "noop" }));
    assert.equal(result.outcome, "SUCCEEDED");
    assert.equal((await host.client.get("next")).attempts[0]?.executorPid, after);
    const told = host.log.find((line) => line.includes("does not answer and is killed"));
    assert.match(told ?? "", new RegExp(`"pid":${before}`));
  });

  test("that is slow tells how slow, and is left alone", guard, async () => {
    await using host = await TestHost.start({
      executors: ["gate"],
      timeouts: { livenessAfterMs: 50, livenessMs: 3_600_000 },
    });
    const file = host.path("open");
    writeFileSync(file, "");
    const run = () => collect(host.client.execute({ executor: "gate", config: { file } }));
    const first = await run();
    const pid = Number(first.result.evidence?.["pid"]);
    await eventually("it has answered", async () => (await executorOf(host)).processes[0]?.lagMs !== undefined);
    process.kill(pid, "SIGSTOP");
    await eventually("its silence is told", async () => ((await executorOf(host)).processes[0]?.lagMs ?? 0) > 600);
    process.kill(pid, "SIGCONT");
    const second = await run();
    assert.deepEqual([second.result.outcome, second.result.evidence?.["pid"]], ["SUCCEEDED", pid]);
    assert.equal((await executorOf(host)).crashes, 0);
  });

  test("is not blamed for the time in which its host was stopped", guard, async () => {
    await using host = await HostProcess.start({ executors: ["gate"], flags: ["--executor-hang-timeout", "1s"] });
    const file = host.path("open");
    const stream = host.client.execute({ executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    process.kill(host.pid, "SIGSTOP");
    // Longer than all it may take for an answer, with the time between two questions.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    process.kill(host.pid, "SIGCONT");
    const [running] = (await executorOf(host)).processes;
    writeFileSync(file, "");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    assert.deepEqual([last.result.outcome, last.result.evidence?.["pid"]], ["SUCCEEDED", running?.pid]);
    assert.equal((await executorOf(host)).crashes, 0);
  });

  test("whose socket somebody removes finishes its work, and new work goes to another one", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], timeouts: { wearIntervalMs: 20 } });
    const file = host.path("open");
    const stream = host.client.execute({ executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    const old = (await executorOf(host)).processes[0]?.pid ?? 0;
    const { runtimeDir } = host.settings;
    const sockets = readdirSync(runtimeDir, { recursive: true, encoding: "utf8" });
    const plugin = sockets.find((name) => /\/plugin\d+$/.test(name));
    assert(plugin !== undefined, sockets.join(" "));
    rmSync(join(runtimeDir, plugin));
    await eventually("it is told", () => host.log.some((line) => line.includes("its socket is gone")));
    const next = host.client.execute({ executor: "gate", config: { file } });
    await until(next, (event) => event.type === "started");
    writeFileSync(file, "");
    const pids = [stream, next].map(async (each) => {
      const last = (await Array.fromAsync(each)).at(-1);
      assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
      return last.result.evidence?.["pid"];
    });
    const [first, second] = await Promise.all(pids);
    assert.equal(first, old);
    assert.notEqual(second, old);
    await eventually("it is gone", () => !isRunning(old));
    assert.equal((await executorOf(host)).crashes, 0);
  });
});
