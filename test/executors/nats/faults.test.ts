import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { connect, type NatsConnection } from "nats";
import { limits } from "../../../executors/nats/defaults.ts";
import { createNatsExecutor } from "../../../executors/nats/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const nats = service("nats");

describe("when NATS is in trouble", { ...guard, skip: nats.skip }, () => {
  let reader: NatsConnection;
  before(async () => {
    reader = await connect({ servers: nats.endpoint("plain") });
  });
  after(() => reader.close());

  async function setUp(more: Record<string, string> = {}) {
    const proxy = await TcpProxy.start(nats.endpoint("plain"));
    const subject = `faults.${randomUUID()}`;
    const executor = new TestExecutor(createNatsExecutor(), { url: proxy.address, subject, message: "x", ...more });
    const dispose = async (): Promise<void> => {
      await executor[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    };
    return { proxy, subject, executor, [Symbol.asyncDispose]: dispose };
  }

  test("a server that is not there is a failure worth another attempt", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.executor.run();
    assert.equal(report.message, `cannot connect to ${setup.proxy.address}: connection refused`);
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_REFUSED", "RETRYABLE", "NONE"]);
    await setup.proxy.comeBack();
    assert.equal((await setup.executor.run()).report.outcome, "SUCCEEDED");
  });

  test("of several servers, one that is there is enough", guard, async () => {
    await using setup = await setUp();
    const url = `127.0.0.1:1, ${setup.proxy.address}, nats://127.0.0.1:2`;
    for (const id of ["a", "b", "c"]) {
      await using fresh = new TestExecutor(createNatsExecutor(), { url, subject: setup.subject, message: id });
      const run = await fresh.run();
      assert.equal(run.report.outcome, "SUCCEEDED");
      assert.equal(evidence(run, "server"), setup.proxy.address);
    }
    const none = await setup.executor.run({ url: "127.0.0.1:1,127.0.0.1:2" });
    assert.match(none.report.message ?? "", /127\.0\.0\.1:1: connection refused/);
    assert.match(none.report.message ?? "", /127\.0\.0\.1:2: connection refused/);
  });

  test("a server that begins with TLS, which the job does not, closes the connection", guard, async () => {
    await using setup = await setUp({ url: `tls://${nats.endpoint("mutual")}`, tls_ca_file: nats.endpoint("ca") });
    const { report } = await setup.executor.run();
    assert.equal(report.message, `cannot connect to ${nats.endpoint("mutual")}: closed by the other side`);
    assert.match(report.hint ?? "", /tls_first/);
    assert.deepEqual([report.code, report.effect], ["CONNECTION_LOST", "NONE"]);
  });

  test("executions share a connection, and replace it when it is lost between them", guard, async () => {
    await using setup = await setUp();
    assert.equal(evidence(await setup.executor.run(), "connectionReused"), false);
    assert.equal(evidence(await setup.executor.run(), "connectionReused"), true);
    assert.equal(setup.proxy.accepted, 1);
    setup.proxy.cut();
    // Idle for long enough to be asked for a sign of life.
    await sleep(2 * limits.pool.checkAfterMs);
    const replaced = await setup.executor.run();
    assert.equal(replaced.report.outcome, "SUCCEEDED");
    assert.equal(setup.proxy.accepted, 2);
  });

  test("a connection that has silently died is found out before it is used", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run();
    setup.proxy.freeze();
    // Idle for long enough to be asked for a sign of life.
    await sleep(2 * limits.pool.checkAfterMs);
    const run = await setup.executor.run();
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.equal(evidence(run, "connectionReused"), false);
    assert.equal(setup.proxy.accepted, 2);
  });

  test("a server that accepts and says nothing is a time-out", guard, async () => {
    await using setup = await setUp({ connect_timeout: "200ms" });
    setup.proxy.hold();
    const { report } = await setup.executor.run();
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_CONNECT", "NONE"]);
    assert.equal(report.retryability, "RETRYABLE");
  });

  for (const mode of ["core", "jetstream"] as const) {
    test(`a lost answer leaves open what has happened (${mode})`, guard, async () => {
      await using setup = await setUp({ mode });
      const stream = `F${randomUUID().replaceAll("-", "")}`;
      const manager = await reader.jetstreamManager();
      await manager.streams.add({ name: stream, subjects: [setup.subject] });
      assert.equal((await setup.executor.run()).report.outcome, "SUCCEEDED");
      setup.proxy.hold();
      const started = setup.executor.start({ message: "unanswered", timeout: "1m" });
      // The server has it, and its answer is on the way.
      await eventually("the message is stored", async () => (await manager.streams.info(stream)).state.messages === 2);
      setup.proxy.cut();
      const { report } = await started.finished;
      assert.deepEqual([report.outcome, report.code, report.effect], ["FAILED", "CONNECTION_LOST", undefined]);
      assert.match(report.hint ?? "", /not known/);

      setup.proxy.release();
      assert.equal((await setup.executor.run()).report.outcome, "SUCCEEDED");
      setup.proxy.hold();
      const late = await setup.executor.run({ timeout: "200ms" });
      assert.deepEqual(
        [late.report.outcome, late.report.code, late.report.effect],
        ["TIMED_OUT", "TIMEOUT_TOTAL", undefined],
      );
      assert.match(late.report.message ?? "", /^not finished in time: stopped while waiting for the/);
    });
  }

  test("the host's deadline counts like the job's own limit", guard, async () => {
    await using setup = await setUp({ mode: "core" });
    await setup.executor.run();
    setup.proxy.hold();
    const { report } = await setup.executor.run({}, { deadline: new Date(Date.now() + 100) });
    assert.deepEqual([report.outcome, report.effect], ["TIMED_OUT", undefined]);
  });

  test("a cancel is honoured while connecting, and while waiting for an answer", guard, async () => {
    await using setup = await setUp();
    setup.proxy.hold();
    const connecting = setup.executor.start();
    await eventually("the executor connects", () => setup.proxy.accepted === 1);
    connecting.cancel({ reason: "enough" });
    const { report } = await connecting.finished;
    assert.deepEqual(
      [report.outcome, report.message, report.effect],
      ["CANCELLED", "stopped while connecting: enough", "NONE"],
    );
    setup.proxy.release();

    const silent = reader.subscribe(`${setup.subject}.silent`, { max: 1 });
    await reader.flush();
    const asking = setup.executor.start({ mode: "request", subject: `${setup.subject}.silent` });
    assert.equal((await Array.fromAsync(silent)).length, 1);
    asking.cancel({ reason: "enough" });
    const asked = (await asking.finished).report;
    assert.deepEqual([asked.outcome, asked.effect], ["CANCELLED", undefined]);
    assert.equal(asked.message, "stopped while waiting for the reply: enough");
  });

  test("what is no NATS server is called so", guard, async () => {
    const { createServer } = await import("node:http");
    const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await using executor = new TestExecutor(createNatsExecutor(), {
      url: `127.0.0.1:${port}`,
      subject: "a",
      connect_timeout: "300ms",
    });
    // It waits for us to speak first, as we wait for it.
    assert.equal((await executor.run()).report.code, "TIMEOUT_CONNECT");
    server.closeAllConnections();
    server.close();
  });

  test("a probe tells what there is, and why not", guard, async () => {
    await using setup = await setUp();
    const good = await setup.executor.probe();
    assert.equal(good.ok, true);
    assert.match(good.message, /^logged in to 127\.0\.0\.1:\d+, nats-server \d/);
    assert.equal(good.details?.["jetstream"], true);
    const missing = await setup.executor.probe({ mode: "jetstream" });
    assert.deepEqual([missing.ok, missing.code], [false, "NO_STREAM"]);
    const stream = `P${randomUUID().replaceAll("-", "")}`;
    await (await reader.jetstreamManager()).streams.add({ name: stream, subjects: [`${stream}.*`] });
    const there = await setup.executor.probe({ mode: "jetstream", subject: `${stream}.a` });
    assert.equal(there.details?.["stream"], stream);
    const stranger = await setup.executor.probe({ url: nats.endpoint("users"), userName: "alice", password: "wrong" });
    assert.deepEqual([stranger.ok, stranger.code], [false, "AUTH_FAILED"]);
    await setup.proxy.goAway();
    assert.equal((await setup.executor.probe()).code, "CONNECTION_REFUSED");
    assert.equal(setup.proxy.open, 0);
  });
});
