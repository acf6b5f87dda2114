import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

describe("a process that an executor started and that left its session", guard, () => {
  test("is gone when the executor has crashed, before the verdict is out", guard, async () => {
    await using host = await TestHost.start({ executors: ["forker"] });
    const { result, stdout } = await collect(
      host.client.execute({ executor: "forker", config: { behaviour: "crash" } }),
    );
    assert.equal(result.outcome, "EXECUTOR_CRASHED");
    assert.match(stdout.toString(), /^\d+\n$/);
    assert(!isRunning(Number(stdout)), "the process is left");
  });

  test("is gone when a cancel had to kill the executor, before the verdict is out", guard, async () => {
    await using host = await TestHost.start({ executors: ["forker"], timeouts: { abandonMs: 200 } });
    const stream = host.client.execute({ id: "one", executor: "forker", config: { behaviour: "ignore" } });
    const output = (await until(stream, (event) => event.type === "output")).at(-1);
    assert(output?.type === "output");
    const pid = Number(output.data);
    assert(isRunning(pid));
    await host.client.cancel("one", { graceMs: 100 });
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    assert.equal(last.result.outcome, "CANCELLED");
    assert.deepEqual(last.result.stop?.survivors, []);
    assert(!isRunning(pid), "the process is left");
  });

  test("is gone when an executor that cannot cancel was stopped, before the verdict is out", guard, async () => {
    await using host = await TestHost.start({ executors: ["lone-forker"] });
    const stream = host.client.execute({ id: "one", executor: "lone-forker" });
    const output = (await until(stream, (event) => event.type === "output")).at(-1);
    assert(output?.type === "output");
    const pid = Number(output.data);
    await host.client.cancel("one", { graceMs: 1_000 });
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result" && last.result.outcome === "CANCELLED");
    assert(!isRunning(pid), "the process is left");
  });

  test("is gone when the executor never came up", guard, async () => {
    await using host = await TestHost.start({ executors: [] });
    const pidFile = host.path("pid");
    await host.plugins.script(
      "broken",
      `#!/bin/sh\nsetsid --fork sh -c 'echo $$ > ${pidFile}; exec sleep 1000000'\nwhile [ ! -s ${pidFile} ]; do sleep 0.01; done\nexit 1\n`,
    );
    await assert.rejects(host.client.submit({ executor: "broken" }), { code: "EXECUTOR_UNUSABLE" });
    assert(!isRunning(Number(readFileSync(pidFile, "utf8"))), "the process is left");
  });

  test("before the executor could be put into its place is gone all the same", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher"] });
    const pidFile = host.path("pid");
    await host.plugins.script(
      "hasty",
      `#!/bin/sh\nsetsid --fork sh -c 'echo $$ > ${pidFile}; exec sleep 1000000'\nexec "$(dirname "$0")/dkron-executor-crasher"\n`,
    );
    for (let turn = 0; turn < 5; turn++) {
      const { result } = await collect(host.client.execute({ executor: "hasty", config: { when: "before-start" } }));
      assert.equal(result.outcome, "EXECUTOR_CRASHED");
      const pid = Number(readFileSync(pidFile, "utf8"));
      await eventually("the process ends", () => !isRunning(pid));
    }
  });
});
