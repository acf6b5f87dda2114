import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { credentials } from "@grpc/grpc-js";
import { HealthClient, HealthCheckResponse_ServingStatus as Serving } from "@executor-host/proto/health";
import { collected, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { isRunning } from "../support/processes.ts";

describe("a host that is told to end", guard, () => {
  test("finishes what runs, gives up what waits, takes nothing new, and says so", guard, async () => {
    await using host = await HostProcess.start({
      executors: ["gate", "failing"],
      flags: ["--max-concurrent-per-executor", "1"],
    });
    const { client } = host;
    const file = host.path("file");
    const running = client.execute({ id: "running", executor: "gate", config: { file } });
    const before = await until(running, (event) => event.type === "started");
    const queued = client.execute({ id: "queued", executor: "gate", config: { file } });
    const waiting = await until(queued, (event) => event.type === "state");
    const retry = { maxAttempts: 2, initialBackoffMs: 3_600_000, maxBackoffMs: 3_600_000 };
    const retrying = client.execute({ id: "retrying", executor: "failing", config: { kind: "retryable" }, retry });
    const failed = await until(retrying, (event) => event.type === "attemptFinished");
    assert.equal(await healthOf(host), Serving.SERVING);

    process.kill(host.pid, "SIGTERM");
    const never = collected([...waiting, ...(await Array.fromAsync(queued))]);
    assert.deepEqual(
      [never.result.outcome, never.result.code, never.result.effect],
      ["NOT_STARTED", "HOST_DRAINING", "NONE"],
    );
    const once = collected([...failed, ...(await Array.fromAsync(retrying))]);
    assert.deepEqual([once.result.outcome, once.result.code, once.result.effect], ["FAILED", "BUSY", "UNKNOWN"]);
    assert.equal(await healthOf(host), Serving.NOT_SERVING);
    await assert.rejects(client.submit({ executor: "gate", config: { file } }), {
      code: "HOST_DRAINING",
      message: "the host is draining and takes no new executions",
      hint: "use another host",
      retryable: true,
    });
    const known = await client.submit({ id: "running", executor: "gate", config: { file } });
    assert.equal(known.alreadyKnown, true, "what is known is still told");
    assert.equal((await client.get("running")).state, "RUNNING");

    writeFileSync(file, "");
    const run = collected([...before, ...(await Array.fromAsync(running))]);
    assert.equal(run.result.outcome, "SUCCEEDED", "its watcher hears of the end");
    assert.deepEqual(await host.ended, { code: 0, signal: null });
    assert.deepEqual(host.leftProcesses(), []);
    assert(!existsSync(`${host.runtimeDir}/host.sock`));
  });

  test("stops what still runs when it is told again", guard, async () => {
    await using host = await HostProcess.start({ executors: ["sleeper"] });
    const stream = host.client.execute({ id: "one", executor: "sleeper" });
    const before = await until(stream, (event) => event.type === "output");
    const pid = (await host.client.get("one")).attempts[0]?.executorPid ?? 0;
    process.kill(host.pid, "SIGTERM");
    await eventually("it drains", () => host.log.includes("draining"));
    assert.equal((await host.client.get("one")).state, "RUNNING");
    process.kill(host.pid, "SIGTERM");
    const run = collected([...before, ...(await Array.fromAsync(stream))]);
    const { outcome, code, message } = run.result;
    assert.deepEqual([outcome, code, message], ["CANCELLED", "HOST_DRAINING", "the host is stopping"]);
    assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
    assert.deepEqual(await host.ended, { code: 0, signal: null });
    assert(!isRunning(pid));
  });

  test("stops what still runs when its time is over", guard, async () => {
    await using host = await HostProcess.start({ executors: ["sleeper"], flags: ["--drain-timeout", "300ms"] });
    const stream = host.client.execute({ executor: "sleeper" });
    const before = await until(stream, (event) => event.type === "output");
    process.kill(host.pid, "SIGTERM");
    const run = collected([...before, ...(await Array.fromAsync(stream))]);
    assert.deepEqual([run.result.outcome, run.result.code], ["CANCELLED", "HOST_DRAINING"]);
    assert.deepEqual(await host.ended, { code: 0, signal: null });
  });

  test("does so though callers watch its health, or hold idle connections", guard, async () => {
    await using host = await HostProcess.start({ executors: ["noop"] });
    const health = new HealthClient(`unix:${host.runtimeDir}/host.sock`, credentials.createInsecure());
    const watch = health.watch({ service: "" });
    const seen: number[] = [];
    watch.on("data", ({ status }: { status: number }) => seen.push(status));
    watch.on("error", () => undefined); // it ends with the host
    const idle = connect(`${host.runtimeDir}/host.sock`);
    idle.on("error", () => undefined); // so does this
    await eventually("its health is told", () => seen.length === 1);
    process.kill(host.pid, "SIGTERM");
    assert.deepEqual(await host.ended, { code: 0, signal: null });
    assert.equal(seen[0], Serving.SERVING);
    health.close();
    idle.destroy();
  });

  test("shows all of it after a restart", guard, async () => {
    await using host = await HostProcess.start({ executors: ["sleeper"], flags: ["--drain-timeout", "0"] });
    const stream = host.client.execute({ id: "one", executor: "sleeper" });
    const before = await until(stream, (event) => event.type === "output");
    process.kill(host.pid, "SIGTERM");
    const events = [...before, ...(await Array.fromAsync(stream))];
    await host.ended;
    await host.start();
    assert.deepEqual(await Array.fromAsync(host.client.watch("one")), events);
    assert.doesNotMatch(host.log, /left unfinished|left behind/, "there was nothing to clear away");
  });
});

function healthOf(host: HostProcess): Promise<number | undefined> {
  const health = new HealthClient(`unix:${host.runtimeDir}/host.sock`, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    health.check({ service: "" }, (error, response) => {
      health.close();
      if (error === null) resolve(response.status);
      else reject(error);
    });
  });
}
