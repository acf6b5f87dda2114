import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Event } from "../../host/client/types.ts";
import { collect, collected, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { isRunning } from "../support/processes.ts";

const nobody = 65_534;

describe("a host that is killed", guard, () => {
  test("leaves no executor behind, and the next one closes every execution, with its output", guard, async () => {
    await using host = await HostProcess.start({
      executors: ["gate", "sleeper", "noop", "failing", "counter", "unstarted"],
      flags: ["--max-concurrent-per-executor", "2"],
    });
    const { client } = host;
    const file = host.path("never");
    const requests = {
      finished: { id: "finished", executor: "noop" },
      silent: { id: "silent", executor: "gate", config: { file } },
      talking: { id: "talking", executor: "sleeper" },
      starting: { id: "starting", executor: "unstarted" },
      retrying: {
        id: "retrying",
        executor: "failing",
        config: { kind: "retryable" },
        retry: { maxAttempts: 2, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 },
      },
      counting: { id: "counting", executor: "counter", config: { file: host.path("count"), hold: "true" } },
      counting2: { id: "counting2", executor: "counter", config: { file: host.path("count2"), hold: "true" } },
      queued: { id: "queued", executor: "counter", config: { file: host.path("count3"), hold: "true" } },
    };
    const seen = new Map<string, readonly Event[]>();
    const follow = async (id: keyof typeof requests, last: (event: Event) => boolean) => {
      const stream = client.execute(requests[id]);
      seen.set(id, await until(stream, last));
      void Array.fromAsync(stream).catch(() => undefined); // it breaks with the host
    };
    await follow("finished", (event) => event.type === "result");
    await follow("silent", (event) => event.type === "started");
    await follow("talking", (event) => event.type === "output");
    await follow("starting", (event) => event.type === "state" && event.state === "STARTING");
    await follow("retrying", (event) => event.type === "state" && event.state === "QUEUED" && event.attempt === 1);
    await follow("counting", (event) => event.type === "started");
    await follow("counting2", (event) => event.type === "started");
    await follow("queued", (event) => event.type === "state");
    await host.kill();

    await eventually("the executors end by themselves", () => host.leftProcesses().length === 0);
    await host.start();
    const again = host.client;
    const unfinished = await again.list({ states: ["QUEUED", "STARTING", "RUNNING", "CANCELLING"] });
    assert.deepEqual(unfinished.executions, []);
    const outcomes = await Promise.all(
      Object.keys(requests).map(async (id) => {
        const execution = await again.get(id);
        return [id, execution.result?.outcome, execution.result?.effect, execution.result?.code];
      }),
    );
    assert.deepEqual(outcomes, [
      ["finished", "SUCCEEDED", "NONE", ""],
      ["silent", "LOST", "UNKNOWN", "HOST_ENDED"],
      ["talking", "LOST", "UNKNOWN", "HOST_ENDED"],
      ["starting", "LOST", "UNKNOWN", "HOST_ENDED"],
      ["retrying", "FAILED", "UNKNOWN", "BUSY"],
      ["counting", "LOST", "UNKNOWN", "HOST_ENDED"],
      ["counting2", "LOST", "UNKNOWN", "HOST_ENDED"],
      ["queued", "NOT_STARTED", "NONE", "HOST_ENDED"],
    ]);
    for (const [id, before] of seen) {
      const whole = await Array.fromAsync(again.watch(id));
      assert.deepEqual(whole.slice(0, before.length), before, `${id}: what was seen is still so`);
      collected(whole);
      const rest = await Array.fromAsync(again.watch(id, { fromSequence: before.length + 1 }));
      if (id !== "finished") assert.equal(rest.at(-1)?.type, "result", `${id}: who goes on from there gets the result`);
    }
    assert.equal((await collect(again.watch("talking"))).stdout.toString(), "sleeping\n");
    const { output, attempts } = await again.get("talking");
    assert.equal(output.stdoutBytes, 9);
    assert(attempts.length === 1 && (attempts[0]?.executorPid ?? 0) > 0);
    assert.deepEqual((await again.get("retrying")).result?.warnings, [
      "attempt 2 was not started: the host ended while the execution was waiting",
    ]);

    for (const request of Object.values(requests)) {
      assert.equal((await again.submit(request)).alreadyKnown, true, "nothing runs again under its id");
    }
    assert.deepEqual(
      [readFileSync(host.path("count"), "utf8"), readFileSync(host.path("count2"), "utf8")],
      ["ran\n", "ran\n"],
    );
    assert(!existsSync(host.path("count3")), "what was queued never ran");
    assert.match(host.log, /closed executions that an earlier host had left unfinished/);
  });

  const users = process.getuid?.() === 0 ? ([undefined, nobody] as const) : ([undefined] as const);
  for (const uid of users) {
    const who = uid === undefined ? "this user" : "a user without rights to control groups";
    test(`as ${who} has its stubborn leftovers ended by the next one`, guard, async () => {
      await using host = await HostProcess.start({
        executors: ["deaf", "blocker", "forker", "noop"],
        ...(uid !== undefined && { uid }),
      });
      const pids: number[] = [];
      for (const request of [
        { executor: "deaf" },
        { executor: "forker", config: { behaviour: "ignore" } },
        { executor: "blocker" },
      ]) {
        const stream = host.client.execute({ ...request, id: request.executor });
        const output = (await until(stream, (event) => event.type === "output")).at(-1);
        assert(output?.type === "output");
        if (/^\d+\n$/.test(output.data.toString())) pids.push(Number(output.data));
        pids.push((await host.client.get(request.executor)).attempts[0]?.executorPid ?? 0);
        void Array.fromAsync(stream).catch(() => undefined); // it breaks with the host
      }
      await host.kill();
      const blocker = pids.at(-1) ?? 0;
      assert(isRunning(blocker), "a process that cannot notice lives on");
      await host.start();
      assert.deepEqual(pids.filter(isRunning), []);
      assert.match(host.log, /ended processes that an earlier host had left behind/);
      assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
      for (const id of ["deaf", "forker", "blocker"]) {
        assert.equal((await host.client.get(id)).result?.outcome, "LOST");
      }
    });
  }

  if (process.getuid?.() === 0) {
    test("needs no control groups to end what a crashed executor has left", guard, async () => {
      await using host = await HostProcess.start({ executors: ["forker"], uid: nobody });
      const { result, stdout } = await collect(
        host.client.execute({ executor: "forker", config: { behaviour: "crash" } }),
      );
      assert.equal(result.outcome, "EXECUTOR_CRASHED");
      assert.match(stdout.toString(), /^\d+\n$/);
      assert(!isRunning(Number(stdout)), "the process is left");
    });
  }

  test("again and again, at any moment, never loses what it accepted and never runs it twice", guard, async () => {
    await using host = await HostProcess.prepare({ executors: ["counter"] });
    const accepted = new Set<string>();
    for (let round = 0; round < 3; round++) {
      await host.start();
      const { client } = host;
      let open = true;
      const submitting = (async () => {
        for (let index = 0; open; index++) {
          const id = `${round}-${index}`;
          const request = { id, executor: "counter", config: { file: host.path(id) } };
          const submission = await client.submit(request).catch(() => undefined);
          if (submission === undefined) return;
          accepted.add(id);
        }
      })();
      await eventually("some are accepted", () => accepted.size >= (round + 1) * 20);
      await host.kill();
      open = false;
      await submitting;
    }
    await host.start();
    for (const id of accepted) {
      const { result } = await host.client.get(id);
      assert(result !== undefined, `${id} has an end`);
      const runs = existsSync(host.path(id)) ? readFileSync(host.path(id), "utf8") : "";
      if (result.outcome === "SUCCEEDED") assert.equal(runs, "ran\n", id);
      else if (result.outcome === "NOT_STARTED") assert.equal(runs, "", id);
      else assert(result.outcome === "LOST" && runs.length <= 4, `${id}: ${result.outcome}`);
    }
  });
});
