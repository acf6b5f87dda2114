import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

async function executorOf(host: TestHost, name: string) {
  const { executors } = await host.client.listExecutors();
  return executors.find((executor) => executor.name === name);
}

describe("an executor", guard, () => {
  test("is listed before anybody has started it, and described by itself", guard, async () => {
    await using host = await TestHost.start({ executors: ["echo", "noop"] });
    const found = await executorOf(host, "echo");
    assert.deepEqual([found?.state, found?.version, found?.protocolVersion], ["IDLE", "", 0]);
    assert.equal(found?.path, `${host.plugins.path}/dkron-executor-echo`);
    const { executor, configSchema } = await host.client.describeExecutor("echo");
    assert.deepEqual([executor.state, executor.version, executor.summary], ["READY", "1.2.3", "Writes its config"]);
    assert.equal(executor.protocolVersion, 2);
    assert.deepEqual(executor.capabilities, {
      cancel: true,
      attach: false,
      probe: true,
      idempotent: false,
      maxConcurrentExecutions: 0,
      heartbeat: false,
      setDeadline: false,
    });
    const schema = JSON.parse(configSchema) as { properties: Record<string, { writeOnly?: boolean }> };
    assert.deepEqual(Object.keys(schema.properties), ["text", "stderr", "token", "exitCode"]);
    assert.equal(schema.properties["token"]?.writeOnly, true);
    assert.equal((await executorOf(host, "noop"))?.state, "IDLE", "nobody asked for that one");
  });

  test("probes its target without running anything", guard, async () => {
    await using host = await TestHost.start({ executors: ["echo", "noop"] });
    const report = await host.client.probe("echo", { text: "12345" });
    assert.deepEqual([report.ok, report.message], [true, "would write 5 characters"]);
    assert.deepEqual((await host.client.list()).executions, []);
    await assert.rejects(host.client.probe("noop", {}), { code: "NOT_SUPPORTED", message: /"noop" has no probe/ });
    await assert.rejects(host.client.probe("echo", { txt: "" }), {
      code: "CONFIG_INVALID",
      message: "txt: unknown key",
    });
    await assert.rejects(host.client.probe("ehco", {}), { code: "EXECUTOR_NOT_FOUND", hint: /echo/ });
    await assert.rejects(host.client.probe("echo", {}, { timeoutMs: -5 }), {
      code: "SPEC_INVALID",
      message: /^timeout: /,
    });
  });

  test(
    "that can cancel shares one process among its executions, started once however many come at once",
    guard,
    async () => {
      await using host = await TestHost.start({ executors: ["gate"] });
      const file = host.path("open");
      const streams = Array.from({ length: 20 }, () => host.client.execute({ executor: "gate", config: { file } }));
      for (const stream of streams) await until(stream, (event) => event.type === "started");
      const executor = await executorOf(host, "gate");
      assert.deepEqual(
        executor?.processes.map(({ activeExecutions }) => activeExecutions),
        [20],
      );
      writeFileSync(file, "");
      for (const stream of streams) await Array.fromAsync(stream);
      const after = await executorOf(host, "gate");
      assert.deepEqual(
        after?.processes.map(({ pid, activeExecutions, finishedExecutions }) => [
          pid,
          activeExecutions,
          finishedExecutions,
        ]),
        [[executor?.processes[0]?.pid, 0, 20]],
      );
    },
  );

  test("that takes only so many executions gets more processes, which are kept for the next", guard, async () => {
    await using host = await TestHost.start({ executors: ["pair"] });
    const file = host.path("open");
    const streams = Array.from({ length: 5 }, () => host.client.execute({ executor: "pair", config: { file } }));
    for (const stream of streams) await until(stream, (event) => event.type === "started");
    const executor = await executorOf(host, "pair");
    assert.deepEqual(executor?.processes.map(({ activeExecutions }) => activeExecutions).toSorted(), [1, 2, 2]);
    writeFileSync(file, "");
    for (const stream of streams) assert.equal((await Array.fromAsync(stream)).at(-1)?.type, "result");
    await collect(host.client.execute({ executor: "pair", config: { file } }));
    assert.equal((await executorOf(host, "pair"))?.processes.length, 3);
  });

  test("without work is stopped after a while, and started again when there is some", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], settings: { executorIdleStopMs: 100 } });
    const file = host.path("open");
    writeFileSync(file, "");
    const pids = new Set<number>();
    for (let turn = 0; turn < 3; turn++) {
      const { result } = await collect(host.client.execute({ executor: "gate", config: { file } }));
      assert.equal(result.outcome, "SUCCEEDED");
      const pid = Number(result.evidence?.["pid"]);
      pids.add(pid);
      await eventually("it is stopped", () => !isRunning(pid));
    }
    assert.equal(pids.size, 3);
    const executor = await executorOf(host, "gate");
    assert.deepEqual([executor?.state, executor?.crashes], ["IDLE", 0], "a stop is no crash");
    // Longer than the time without work.
    rmSync(file);
    const stream = host.client.execute({ executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    await new Promise((resolve) => setTimeout(resolve, 500));
    writeFileSync(file, "");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
  });

  test("that is stopped for want of work at any moment loses none", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop"], settings: { executorIdleStopMs: 1 } });
    for (let turn = 0; turn < 8; turn++) {
      const runs = await Promise.all([1, 2].map(() => collect(host.client.execute({ executor: "noop" }))));
      for (const { result } of runs) assert.equal(result.outcome, "SUCCEEDED", result.message);
    }
  });

  test("gets the allowed part of the host's environment, its tag, and nothing else", guard, async () => {
    await using host = await TestHost.start({ executors: [], settings: { executorEnvironment: ["PATH", "LC_*"] } });
    const file = host.path("environment");
    await host.plugins.script("nosy", `#!/bin/sh\ncat /proc/$$/environ > '${file}'\nexit 1\n`);
    await host.client.submit({ executor: "nosy" }).catch(() => undefined);
    const names = readFileSync(file, "utf8")
      .split("\0")
      .flatMap((entry) => /^(\w+)=/.exec(entry)?.[1] ?? []);
    const own = names.filter((name) => !/^(PLUGIN_|DKRON_PLUGIN_|EXECUTOR_HOST_|PWD$|SHLVL$|_$|OLDPWD$)/.test(name));
    for (const name of own) assert.match(name, /^(PATH|LC_\w+)$/);
    assert(names.includes("EXECUTOR_HOST_TAG"));
    assert(!names.includes("HOME"));
  });

  test("that is removed while it runs finishes, and is gone for the next", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"] });
    const file = host.path("open");
    const stream = host.client.execute({ executor: "gate", config: { file } });
    await until(stream, (event) => event.type === "started");
    rmSync(`${host.plugins.path}/dkron-executor-gate`);
    await host.client.listExecutors();
    writeFileSync(file, "");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
    await host.client.listExecutors();
    await assert.rejects(host.client.submit({ executor: "gate", config: { file } }), { code: "EXECUTOR_NOT_FOUND" });
  });

  test("that hangs at its start does not keep the host from stopping", guard, async () => {
    await using host = await TestHost.start({ settings: { executorStartTimeoutMs: 3_600_000 } });
    const pidFile = host.path("pid");
    await host.plugins.script("mute", `#!/bin/sh\necho $$ > '${pidFile}'\nexec sleep 1000000\n`);
    const asked = host.client.submit({ id: "one", executor: "mute" }).then(
      () => assert.fail("it was accepted"),
      (error: unknown) => error as { code: string },
    );
    await eventually("it is being started", () => existsSync(pidFile));
    await host.host.drain({ timeoutMs: 0 });
    assert.equal((await asked).code, "HOST_DRAINING");
    await host.stop();
  });
});
