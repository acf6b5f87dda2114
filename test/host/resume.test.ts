import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Event } from "../../host/client/types.ts";
import { collect, collected, outputOf, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";

const retry = { maxAttempts: 2, initialBackoffMs: 0, maxBackoffMs: 0 };

/** A host with an executor that finds its work again, and where that work is. */
async function startHost(): Promise<{ host: HostProcess; directory: string } & AsyncDisposable> {
  const host = await HostProcess.start({ executors: ["finder"] });
  const directory = host.path("work");
  mkdirSync(directory);
  return { host, directory, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

/** Follow an execution until its work has begun. */
async function begin(host: HostProcess, id: string, config: Record<string, string>) {
  const stream = host.client.execute({ id, executor: "finder", config, retry });
  let text = "";
  const events = await until(stream, (event) => {
    if (event.type === "output") text += event.data.toString();
    return text.endsWith("begun\n");
  });
  const rest = Array.fromAsync(stream).catch(() => []); // it breaks with the host
  const { attempts } = await host.client.get(id);
  return { events, rest, executorPid: attempts[0]?.executorPid ?? 0 };
}

function stdoutOf(events: readonly Event[], attempt: number): string {
  return outputOf(
    events.filter((event) => event.attempt === attempt),
    "stdout",
  ).toString();
}

describe("an execution whose executor finds its work again", guard, () => {
  test("goes on when the executor was killed, and shows its output from the start", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { events, rest, executorPid } = await begin(host, "killed", { directory });
    process.kill(executorPid, "SIGKILL");
    writeFileSync(join(directory, "killed-1.done"), "");
    const all = [...events, ...(await rest)];
    const { result } = collected(all);
    assert.deepEqual([result.outcome, result.evidence?.["found"]], ["SUCCEEDED", true]);
    assert.equal(stdoutOf(all, 2), "begun\ndone\n");
    const { attempts } = await host.client.get("killed");
    assert.deepEqual(
      attempts.map((attempt) => [attempt.result?.outcome, attempt.resumes]),
      [
        ["EXECUTOR_CRASHED", false],
        ["SUCCEEDED", true],
      ],
    );
    assert.deepEqual(readdirSync(directory), ["killed-1", "killed-1.done"], "the work began once");
  });

  for (const [what, bytes] of [
    ["little", 0],
    ["much", 3_000_000],
  ] as const) {
    test(`goes on when the host was killed, twice, after ${what} output`, guard, async () => {
      await using started = await startHost();
      const { host, directory } = started;
      const config = { directory, bytes: String(bytes) };
      const { events } = await begin(host, "host", config);
      await host.kill();
      await host.start();
      await until(
        host.client.watch("host"),
        (event) => event.type === "output" && event.attempt === 2 && event.data.toString().endsWith("begun\n"),
      );
      await host.kill();
      await host.start();
      assert.equal((await host.client.submit({ id: "host", executor: "finder", config, retry })).alreadyKnown, true);
      writeFileSync(join(directory, "host-1.done"), "");
      const all = await collect(host.client.watch("host"));
      assert.deepEqual([all.result.outcome, all.result.evidence?.["found"]], ["SUCCEEDED", true]);
      assert.deepEqual(all.events.slice(0, events.length), events, "what was seen is still so");
      assert.equal(stdoutOf(all.events, 3), `${".".repeat(bytes)}begun\ndone\n`);
      const { attempts, output } = await host.client.get("host");
      assert.deepEqual(
        attempts.map((attempt) => [attempt.result?.outcome, attempt.resumes]),
        [
          ["LOST", false],
          ["LOST", true],
          ["SUCCEEDED", true],
        ],
      );
      assert.equal(output.stdoutBytes, all.stdout.length);
      assert.deepEqual(readdirSync(directory), ["host-1", "host-1.done"], "the work began once");
      assert.match(host.log, /goes on with executions that an earlier host had left running/);

      await host.kill();
      await host.start();
      assert.deepEqual((await collect(host.client.watch("host"))).events, all.events, "all of it is stored");
    });
  }

  test("is lost with the host when its config has a secret, which no journal keeps", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    await begin(host, "secret", { directory, password: "hush" });
    await host.kill();
    await host.start();
    const { result } = await collect(host.client.watch("secret"));
    assert.deepEqual([result.outcome, result.code], ["LOST", "HOST_ENDED"]);
  });

  test("is given up when its executor dies over it again and again", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { result } = await collect(
      host.client.execute({ id: "deadly", executor: "finder", config: { directory, crash: "true" } }),
    );
    assert.equal(result.outcome, "EXECUTOR_CRASHED");
    const { attempts } = await host.client.get("deadly");
    assert.deepEqual(
      attempts.map(({ resumes }) => resumes),
      [false, true, true, true],
    );
    assert.deepEqual(readdirSync(directory), ["deadly-1"]);
  });

  for (const [what, limits, outcome] of [
    ["cancelled", {}, "CANCELLED"],
    ["out of time", { attemptTimeoutMs: 1_000 }, "TIMED_OUT"],
  ] as const) {
    test(`is stopped by another process when its executor dies over that, ${what}`, guard, async () => {
      await using started = await startHost();
      const { host, directory } = started;
      const config = { directory, fragile: "true" };
      const stream = host.client.execute({ id: "fragile", executor: "finder", config, limits });
      await until(stream, (event) => event.type === "output");
      if (outcome === "CANCELLED") await host.client.cancel("fragile");
      const { result } = await collect(host.client.watch("fragile"));
      assert.deepEqual([result.outcome, result.effect, result.evidence?.["found"]], [outcome, "UNKNOWN", true]);
      assert.deepEqual(readdirSync(directory), [], "the work is gone");
      const { attempts } = await host.client.get("fragile");
      assert.deepEqual(
        attempts.map((attempt) => [attempt.result?.outcome, attempt.resumes]),
        [
          [outcome, false],
          [outcome, true],
        ],
      );
    });
  }

  test("is stopped by another process when its executor stands still and had to be killed", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { rest, executorPid } = await begin(host, "still", { directory });
    process.kill(executorPid, "SIGSTOP");
    await host.client.cancel("still", { graceMs: 200 });
    await rest;
    const { result } = await collect(host.client.watch("still"));
    assert.deepEqual([result.outcome, result.evidence?.["found"]], ["CANCELLED", true]);
    const actions = result.stop?.steps.map(({ action }) => action);
    assert.deepEqual(actions?.slice(-2), ["executor-SIGKILL", "recall"]);
    assert.deepEqual(readdirSync(directory), []);
  });

  test("is not begun again when there is nothing left to stop", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { rest } = await begin(host, "ended", { directory, fragile: "true" });
    rmSync(join(directory, "ended-1"));
    await host.client.cancel("ended");
    await rest;
    const { result } = await collect(host.client.watch("ended"));
    assert.deepEqual([result.outcome, result.evidence?.["found"]], ["CANCELLED", false]);
    assert.deepEqual(readdirSync(directory), []);
  });

  test("is stopped when it is cancelled while nobody has it", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const stream = host.client.execute({ id: "adrift", executor: "finder", config: { directory, crash: "true" } });
    await until(stream, (event) => event.type === "attemptFinished" && event.attempt === 2);
    await host.client.cancel("adrift");
    const { result } = await collect(host.client.watch("adrift"));
    assert.deepEqual([result.outcome, result.evidence?.["found"]], ["CANCELLED", true]);
    assert.deepEqual(readdirSync(directory), []);
  });

  test("is told to be going on, perhaps, when nothing can stop it", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { rest } = await begin(host, "alone", { directory, fragile: "true" });
    await host.plugins.remove("finder");
    await eventually("its executor is gone", async () => (await host.client.listExecutors()).executors.length === 0);
    await host.client.cancel("alone");
    await rest;
    const { result } = await collect(host.client.watch("alone"));
    assert.equal(result.outcome, "CANCELLED");
    assert.match(result.warnings.join(), /its work may be going on: no executor is named "finder"/);
    assert.deepEqual(readdirSync(directory), ["alone-1"]);
  });

  test("begins anew after a failure, as its policy says", guard, async () => {
    await using started = await startHost();
    const { host, directory } = started;
    const { rest } = await begin(host, "failing", { directory });
    writeFileSync(join(directory, "failing-2.done"), "");
    writeFileSync(join(directory, "failing-1.failed"), "");
    const result = (await rest).at(-1);
    assert(result?.type === "result");
    assert.deepEqual([result.result.outcome, result.result.evidence?.["found"]], ["SUCCEEDED", false]);
    const { attempts } = await host.client.get("failing");
    assert.deepEqual(
      attempts.map(({ resumes }) => resumes),
      [false, false],
    );
  });
});
