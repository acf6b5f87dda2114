import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Executor } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

async function executorOf(host: TestHost, name: string): Promise<Executor> {
  const { executors } = await host.client.listExecutors();
  const found = executors.find((executor) => executor.name === name);
  assert(found !== undefined, `${name} is listed`);
  return found;
}

function pidsOf({ processes }: Executor): number[] {
  return processes.map(({ pid }) => pid);
}

describe("processes of an executor", guard, () => {
  test("are kept ready before there is work, and made up for when they die", guard, async () => {
    await using host = await TestHost.start({ executors: ["noop"], settings: { executorWarm: 2 } });
    const ready = () => executorOf(host, "noop").then((executor) => executor.processes.length === 2 && executor);
    const before = pidsOf(await eventually("two are ready", ready));
    process.kill(before[0]!, "SIGKILL");
    await eventually("there is another one", async () => {
      const pids = pidsOf(await executorOf(host, "noop"));
      return pids.length === 2 && !pids.includes(before[0]!);
    });
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
  });

  test("are replaced after so many executions, and none is lost", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], settings: { executorRecycleAfter: 5 } });
    const file = host.path("open");
    writeFileSync(file, "");
    const runs = await Promise.all(
      Array.from({ length: 40 }, () => collect(host.client.execute({ executor: "gate", config: { file } }))),
    );
    const more: number[] = [];
    for (let run = 0; run < 11; run++) {
      const { result } = await collect(host.client.execute({ executor: "gate", config: { file } }));
      more.push(Number(result.evidence?.["pid"]));
    }
    for (const { result } of runs) assert.equal(result.outcome, "SUCCEEDED", result.message);
    for (const pid of new Set(more)) assert(more.filter((each) => each === pid).length <= 5, "five at most");
    assert.equal((await executorOf(host, "gate")).crashes, 0);
  });

  test("are replaced when they are old or large", guard, async () => {
    for (const settings of [{ executorMaxAgeMs: 1 }, { executorMaxMemoryBytes: 1024 }]) {
      await using host = await TestHost.start({ executors: ["gate"], settings, timeouts: { wearIntervalMs: 20 } });
      const file = host.path("open");
      const stream = host.client.execute({ executor: "gate", config: { file } });
      await until(stream, (event) => event.type === "started");
      const [pid = 0] = pidsOf(await executorOf(host, "gate"));
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert(isRunning(pid), "not while it has work");
      writeFileSync(file, "");
      assert.equal((await Array.fromAsync(stream)).at(-1)?.type, "result");
      await eventually("it is stopped", () => !isRunning(pid));
    }
  });

  test("of an executor that cannot cancel are as many as executions, up to the limit", guard, async () => {
    await using host = await TestHost.start({ executors: ["exclusive"], settings: { executorMaxProcesses: 3 } });
    const file = host.path("open");
    const ids = Array.from({ length: 7 }, (_, index) => `each-${index}`);
    for (const id of ids) await host.client.submit({ id, executor: "exclusive", config: { file } });
    const all = await eventually("three run", async () => {
      const { processes } = await executorOf(host, "exclusive");
      return processes.filter(({ activeExecutions }) => activeExecutions === 1).length === 3 && processes;
    });
    assert.equal(all.length, 3);
    writeFileSync(file, "");
    for (const id of ids) assert.equal((await collect(host.client.watch(id))).result.outcome, "SUCCEEDED");
    assert.equal((await executorOf(host, "exclusive")).processes.length, 3);
  });
});

describe("an executor that crashes too often", guard, () => {
  const settings = { executorCrashLimit: 3 };
  const timeouts = { crashPauseMs: 400, crashPauseMaxMs: 800 };
  const crash = { executor: "crasher", config: { when: "before-start" } };
  const work = { executor: "crasher", config: { when: "never" } };

  test("is given a pause, tried with one execution, and used again when that works", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher", "noop"], settings, timeouts });
    for (const jobName of ["a", "b", "c"]) {
      const { result } = await collect(host.client.execute({ ...crash, jobName }));
      assert.equal(result.outcome, "EXECUTOR_CRASHED");
    }
    const { result: refused } = await collect(host.client.execute({ ...work, jobName: "d" }));
    assert.deepEqual(
      [refused.outcome, refused.code, refused.retryability, refused.effect],
      ["NOT_STARTED", "EXECUTOR_UNUSABLE", "RETRYABLE", "NONE"],
    );
    assert.match(refused.message, /^executor "crasher" has crashed 3 times, too often; .*; the last time: .*SIGKILL/);
    assert(refused.retryAfterMs !== undefined && refused.retryAfterMs > 0);
    const listed = await executorOf(host, "crasher");
    assert.deepEqual([listed.state, listed.crashes], ["FAILED", 3]);
    assert.match(listed.reason, /too often/);
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");

    // With retries, an execution comes through as soon as the executor works again.
    const retry = { maxAttempts: 20, initialBackoffMs: 20, maxBackoffMs: 50 };
    const patient = await collect(host.client.execute({ ...work, jobName: "d", retry }));
    assert.equal(patient.result.outcome, "SUCCEEDED");
    assert.equal((await executorOf(host, "crasher")).state, "READY");
    assert.equal((await collect(host.client.execute({ ...work, jobName: "e" }))).result.outcome, "SUCCEEDED");
  });

  test("gets a longer pause when the trial crashes, too", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher"], settings, timeouts });
    for (const jobName of ["a", "b", "c"]) await collect(host.client.execute({ ...crash, jobName }));
    const crashed = await eventually("the trial runs", async () => {
      const { result } = await collect(host.client.execute({ ...crash, jobName: "d" }));
      return result.outcome === "EXECUTOR_CRASHED";
    });
    assert(crashed);
    const { result } = await collect(host.client.execute({ ...work, jobName: "e" }));
    assert.equal(result.outcome, "NOT_STARTED");
    assert((await executorOf(host, "crasher")).crashes === 4);
  });

  test("is not held up by a single job whose doing it is, and that job meets no neighbour", guard, async () => {
    await using host = await TestHost.start({ executors: ["crasher"], settings, timeouts });
    const poison = { executor: "crasher", config: { when: "after-start" }, jobName: "poison" };
    assert.equal((await collect(host.client.execute(poison))).result.outcome, "EXECUTOR_CRASHED");
    for (let turn = 0; turn < 5; turn++) {
      const crashing = host.client.execute(poison);
      await until(crashing, (event) => event.type === "started");
      const neighbour = await collect(host.client.execute({ ...work, jobName: "good" }));
      assert.equal(neighbour.result.outcome, "SUCCEEDED", neighbour.result.message);
      await Array.fromAsync(crashing);
    }
    assert.equal((await executorOf(host, "crasher")).crashes, 6);
    const mended = await collect(host.client.execute({ ...work, jobName: "poison" }));
    assert.equal(mended.result.outcome, "SUCCEEDED", "it may try as often as it likes");
  });
});

describe("a changed plugins directory", guard, () => {
  const timeouts = { pluginsSettleMs: 20, pluginsIntervalMs: 200 };

  test("brings a new executor, and takes one away that finishes its work", guard, async () => {
    await using host = await TestHost.start({ executors: ["gate"], timeouts });
    await host.plugins.fixture("noop", "newcomer");
    await eventually("it is there", async () => {
      const { executors } = await host.client.listExecutors();
      return executors.some(({ name }) => name === "newcomer");
    });
    const file = host.path("open");
    const running = host.client.execute({ executor: "gate", config: { file } });
    await until(running, (event) => event.type === "started");
    await host.plugins.remove("gate");
    await eventually("it takes nothing new", () =>
      host.client.submit({ executor: "gate", config: { file } }).then(
        ({ execution }) => void host.client.cancel(execution.spec.id),
        (error: { code: string }) => error.code === "EXECUTOR_NOT_FOUND",
      ),
    );
    writeFileSync(file, "");
    const last = (await Array.fromAsync(running)).at(-1);
    assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
  });

  test("moves new work to a replaced file, and the old process finishes what it has", guard, async () => {
    await using host = await TestHost.start({ timeouts });
    await host.plugins.fixture("gate", "swap");
    const file = host.path("open");
    const request = { executor: "swap", config: { file } };
    const running = host.client.execute(request);
    await until(running, (event) => event.type === "started");
    const [old = 0] = pidsOf(await executorOf(host, "swap"));

    await host.plugins.fixture("exclusive", "swap");
    await eventually("the new one serves", async () => {
      const { capabilities } = await executorOf(host, "swap");
      return capabilities?.cancel === false;
    });
    assert(isRunning(old));
    const next = host.client.execute(request);
    const seen = await until(next, (event) => event.type === "output");
    assert.notEqual(Number(String(seen.flatMap((event) => (event.type === "output" ? [event.data] : [])))), old);
    writeFileSync(file, "");
    for (const stream of [running, next]) {
      const last = (await Array.fromAsync(stream)).at(-1);
      assert(last?.type === "result" && last.result.outcome === "SUCCEEDED");
    }
    await eventually("the old process is gone", () => !isRunning(old));
  });

  test("keeps the old executor when the new file does not work, says so, and takes the next one", guard, async () => {
    await using host = await TestHost.start({ timeouts });
    await host.plugins.fixture("noop", "swap");
    assert.equal((await collect(host.client.execute({ executor: "swap" }))).result.outcome, "SUCCEEDED");
    await host.plugins.script("swap", "#!/bin/sh\necho broken build >&2\nexit 1\n");
    const { state, reason } = await eventually("it is told", async () => {
      const executor = await executorOf(host, "swap");
      return executor.reason === "" ? undefined : executor;
    });
    assert.equal(state, "READY");
    assert.match(reason, /^the file was replaced by one that does not work, .*exited with code 1/s);
    for (let run = 0; run < 3; run++) {
      assert.equal((await collect(host.client.execute({ executor: "swap" }))).result.outcome, "SUCCEEDED");
    }
    await host.plugins.fixture("noop", "swap");
    await eventually("the mended one serves", async () => (await executorOf(host, "swap")).reason === "");
    assert.equal((await collect(host.client.execute({ executor: "swap" }))).result.outcome, "SUCCEEDED");
  });
});
