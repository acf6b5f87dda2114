import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("an executor's process that dies", guard, () => {
  test("while it is idle is replaced for the next execution, and counted", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop", "echo"] });
    const first = await run(host, "noop");
    const echo = await run(host, "echo");
    process.kill(first.pid, "SIGKILL");
    const noop = await eventually("the crash is seen", async () => {
      const executor = await executorOf(host, "noop");
      return executor.crashes === 1 ? executor : undefined;
    });
    assert.deepEqual(noop.processes, []);
    assert.match(noop.lastCrash, new RegExp(`process ${first.pid} was ended by SIGKILL`));
    const second = await run(host, "noop");
    assert.notEqual(second.pid, first.pid);
    assert.equal((await executorOf(host, "noop")).state, "READY");
    assert.deepEqual(
      (await executorOf(host, "echo")).processes.map(({ pid }) => pid),
      [echo.pid],
      "no other executor notices",
    );
  });

  test("while it starts fails only those who wait for it, and they were not started", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop", "gate"] });
    const open = host.path("start");
    const pidFile = host.path("pid");
    await host.plugins.script(
      "slow",
      `#!/bin/sh\necho $$ > '${pidFile}.new'; mv '${pidFile}.new' '${pidFile}'\nwhile [ ! -e '${open}' ]; do sleep 0.02; done\nexec "$(dirname "$0")/dkron-executor-gate"\n`,
    );
    writeFileSync(open, "");
    const file = host.path("file");
    writeFileSync(file, "");
    const request = { executor: "slow", config: { file } };
    const { result } = await collect(host.client.execute(request));
    rmSync(open);
    rmSync(pidFile);
    process.kill(Number(result.evidence?.["pid"]), "SIGKILL");
    await eventually("the process is gone", async () => (await executorOf(host, "slow")).processes.length === 0);
    const waiting = [1, 2].map((index) => collect(host.client.execute({ ...request, id: `waiting-${index}` })));
    await eventually("the next process starts", () => existsSync(pidFile));
    process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
    for (const { result: ending } of await Promise.all(waiting)) {
      assert.deepEqual([ending.outcome, ending.code, ending.effect], ["NOT_STARTED", "EXECUTOR_UNUSABLE", "NONE"]);
      assert.match(ending.message, /^executor "slow" cannot be started: .*was ended by SIGKILL/s);
      assert.equal(ending.retryability, "RETRYABLE");
    }
    assert.equal((await run(host, "noop")).result.outcome, "SUCCEEDED");
  });

  test(
    "while it runs ends its own executions only, each with a verdict, and the next get a fresh process",
    guard,
    async () => {
      await using host = await TestHost.start({ executors: ["gate", "sleeper"] });
      const file = host.path("file");
      const streams = [1, 2, 3].map((index) =>
        host.client.execute({ id: `shared-${index}`, executor: "gate", config: { file } }),
      );
      for (const stream of streams) await until(stream, (event) => event.type === "started");
      const other = host.client.execute({ id: "other", executor: "sleeper" });
      await until(other, (event) => event.type === "output");
      const [gate, ...more] = (await executorOf(host, "gate")).processes;
      assert(gate !== undefined && more.length === 0, "neighbours share one process");
      assert.equal(gate.activeExecutions, 3);
      process.kill(gate.pid, "SIGKILL");
      for (const index of [1, 2, 3]) {
        const { result } = await collect(host.client.watch(`shared-${index}`));
        const { outcome, code, effect, retryability, message, hint } = result;
        assert.deepEqual(
          [outcome, code, effect, retryability],
          ["EXECUTOR_CRASHED", "EXECUTOR_CRASHED", "UNKNOWN", "UNKNOWN"],
        );
        assert.match(message, new RegExp(`^executor process ${gate.pid} was ended by SIGKILL`));
        assert.equal(hint, "the work may have had an effect");
        assert.equal((await host.client.get(`shared-${index}`)).attempts[0]?.executorPid, gate.pid);
      }
      assert.equal((await host.client.get("other")).state, "RUNNING");
      writeFileSync(file, "");
      const next = await collect(host.client.execute({ executor: "gate", config: { file } }));
      assert.equal(next.result.outcome, "SUCCEEDED");
      assert.notEqual(next.result.evidence?.["pid"], gate.pid);
      await host.client.cancel("other");
      assert.equal((await Array.fromAsync(other)).at(-1)?.type, "result");
      for (const stream of streams) await Array.fromAsync(stream);
    },
  );

  test("before the work has started leaves no effect, and the work may be repeated", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher"] });
    const { result, states } = await collect(
      host.client.execute({ executor: "crasher", config: { when: "before-start" } }),
    );
    const { outcome, effect, retryability, hint } = result;
    assert.deepEqual([outcome, effect, retryability], ["EXECUTOR_CRASHED", "NONE", "RETRYABLE"]);
    assert.equal(hint, "nothing had been started");
    assert.deepEqual(states, ["QUEUED", "STARTING"]);
  });

  test("after some output keeps that output, and its last words are told", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher"] });
    const { stdout, result } = await collect(
      host.client.execute({ executor: "crasher", config: { when: "after-output" } }),
    );
    assert.equal(stdout.toString(), "last words\n");
    assert.equal(result.outcome, "EXECUTOR_CRASHED");
    assert.match(result.message, /was ended by SIGKILL; its last words: .*about to die/);
  });

  test("again and again wears nothing out", guard, async () => {
    const settings = { executorCrashLimit: 0 };
    await using host = await TestHost.start({ executors: ["crasher", "noop"], settings });
    for (let crash = 1; crash <= 8; crash++) {
      const { result } = await collect(host.client.execute({ executor: "crasher", config: { when: "before-start" } }));
      assert.equal(result.outcome, "EXECUTOR_CRASHED");
      assert.equal((await executorOf(host, "crasher")).crashes, crash);
    }
    assert.equal((await run(host, "noop")).result.outcome, "SUCCEEDED");
  });
});

describe("an executor that breaks the contract", guard, () => {
  test("by ending without a result fails that execution, and is not restarted for it", guard, async () => {
    await using host = await TestHost.start({ executors: ["no-result"] });
    const first = await run(host, "no-result");
    const { outcome, code, message, hint, effect } = first.result;
    assert.deepEqual([outcome, code, effect], ["FAILED", "PROTOCOL_VIOLATION", "UNKNOWN"]);
    assert.equal(message, "the executor ended its stream without a result");
    assert.equal(hint, "this is a defect of the executor");
    assert.equal((await run(host, "no-result")).pid, first.pid);
  });

  test("by failing the call fails that execution with its words, and neighbours go on", guard, async () => {
    await using host = await TestHost.start({ executors: ["refusing"] });
    const neighbour = host.client.execute({ id: "neighbour", executor: "refusing", config: { stay: "yes" } });
    await until(neighbour, (event) => event.type === "started");
    const first = await run(host, "refusing");
    const { outcome, code, message, effect } = first.result;
    assert.deepEqual([outcome, code, effect], ["FAILED", "EXECUTOR_REFUSED", "NONE"]);
    assert.match(message, /no more tokens/);
    assert.equal((await run(host, "refusing")).pid, first.pid, "the process is as good as before");
    assert.equal((await host.client.get("neighbour")).state, "RUNNING");
    assert.equal((await executorOf(host, "refusing")).crashes, 0);
    await host.client.cancel("neighbour", { graceMs: 50 });
    await Array.fromAsync(neighbour);
  });

  test("by sending what is no event fails that execution, and neighbours go on", guard, async () => {
    await using host = await TestHost.start({ executors: ["garbled"] });
    const first = await run(host, "garbled");
    assert.deepEqual([first.result.outcome, first.result.code], ["FAILED", "PROTOCOL_VIOLATION"]);
    assert.equal((await run(host, "garbled")).pid, first.pid);
  });

  test("by not saying that it has started is taken to have started by its output", guard, async () => {
    await using host = await TestHost.start({ executors: ["silent-starter"] });
    const { result, stdout, states } = await collect(host.client.execute({ executor: "silent-starter" }));
    assert.equal(stdout.toString(), "already at work\n");
    assert.deepEqual([result.outcome, result.effect], ["EXECUTOR_CRASHED", "UNKNOWN"]);
    assert.deepEqual(states, ["QUEUED", "STARTING", "RUNNING"]);
  });
});

async function run(host: TestHost, executor: string) {
  const { result, events } = await collect(host.client.execute({ executor }));
  assert(events.length > 0);
  const [execution] = (await host.client.list({ executor, states: ["FINISHED"], pageSize: 1 })).executions;
  return { result, pid: execution?.attempts[0]?.executorPid ?? 0 };
}

async function executorOf(host: TestHost, name: string) {
  const executor = (await host.client.listExecutors()).executors.find((each) => each.name === name);
  assert(executor !== undefined, `there is an executor ${name}`);
  return executor;
}
