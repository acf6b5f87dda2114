import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { connect } from "amqplib";
import { limits } from "../../../executors/rabbitmq/defaults.ts";
import { createRabbitmqExecutor } from "../../../executors/rabbitmq/definition.ts";
import { evidence, everythingTold, TestExecutor } from "../../support/executor.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { manage, rabbitmq, readQueue, url as directUrl } from "./broker.ts";

/** A queue that is there, and an executor that gets to it through a proxy. */
async function setUp(more: Record<string, string> = {}) {
  const queue = `faults-${randomUUID()}`;
  await manage("PUT", `/queues/%2F/${queue}`, { durable: true });
  const proxy = await TcpProxy.start(rabbitmq.endpoint("amqp"));
  const url = `amqp://${rabbitmq.endpoint("user")}:${rabbitmq.endpoint("password")}@${proxy.address}`;
  const executor = new TestExecutor(createRabbitmqExecutor(), { url, "queue.name": queue, ...more });
  // The management's figures come late.
  const observer = await connect(directUrl());
  const channel = await observer.createChannel();
  const depth = async () => (await channel.checkQueue(queue)).messageCount;
  const dispose = async (): Promise<void> => {
    await observer.close();
    await executor[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await manage("DELETE", `/queues/%2F/${queue}`);
  };
  return { executor, proxy, queue, url, depth, read: () => readQueue(queue), [Symbol.asyncDispose]: dispose };
}

describe("when RabbitMQ is in trouble", { ...guard, skip: rabbitmq.skip }, () => {
  test("a broker that is not there is a failure worth another attempt", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.executor.run();
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_REFUSED", "RETRYABLE", "NONE"]);
    assert.equal(report.message, `cannot connect to ${setup.proxy.address}: connection refused`);
    await setup.proxy.comeBack();
    assert.equal((await setup.executor.run()).report.outcome, "SUCCEEDED");
  });

  test("a port that speaks TLS, which the job does not, closes the connection", guard, async () => {
    await using setup = await setUp();
    const url = setup.url.replace(setup.proxy.address, rabbitmq.endpoint("amqps"));
    const { report } = await setup.executor.run({ url });
    assert.equal(report.message, `cannot connect to ${rabbitmq.endpoint("amqps")}: closed by the other side`);
    assert.deepEqual([report.hint, report.effect], ["check the port, and whether it expects TLS, or none", "NONE"]);
  });

  test("of several brokers, the first that is there is taken", guard, async () => {
    await using setup = await setUp();
    const run = await setup.executor.run({ url: `amqp://127.0.0.1:1, ${setup.url} ,amqp://127.0.0.1:2` });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.equal(evidence(run, "broker"), setup.proxy.address);
    const none = await setup.executor.run({ url: '["amqp://127.0.0.1:1","amqp://127.0.0.1:2"]' });
    assert.match(none.report.message ?? "", /127\.0\.0\.1:1: connection refused; .*127\.0\.0\.1:2: connection refused/);
    assert.equal(none.report.retryability, "RETRYABLE");
  });

  test("a connection is shared, and replaced when it is lost between two runs", guard, async () => {
    await using setup = await setUp();
    assert.equal(evidence(await setup.executor.run(), "connectionReused"), false);
    await Promise.all(Array.from({ length: 20 }, () => setup.executor.run()));
    assert.equal(setup.proxy.accepted, 1);
    setup.proxy.cut();
    await eventually("the cut is through", () => setup.proxy.open === 0);
    const run = await setup.executor.run();
    assert.deepEqual([run.report.outcome, evidence(run, "connectionReused")], ["SUCCEEDED", false]);
    assert.equal((await setup.read()).length, 22);
  });

  test("a connection that has silently died is found out before it is used", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run();
    setup.proxy.freeze();
    // Idle for long enough to be asked for a sign of life.
    await sleep(limits.checkAfterMs + 100);
    const run = await setup.executor.run();
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.deepEqual([evidence(run, "connectionReused"), setup.proxy.accepted], [false, 2]);
  });

  test("a lost confirmation leaves the effect open", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run();
    setup.proxy.hold();
    const started = setup.executor.start({ "message.body": "x" });
    await eventually("the message is in the queue", async () => (await setup.depth()) === 2);
    setup.proxy.cut();
    const { report } = await started.finished;
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_LOST", undefined, undefined]);
    assert.equal(report.hint, "a message had been sent; whether the broker has taken it is not known");
    setup.proxy.release();
    assert.equal((await setup.executor.run()).report.outcome, "SUCCEEDED");
  });

  test("of many on their way, those whose confirmation is lost leave the effect open", guard, async () => {
    await using setup = await setUp({ in_flight: "3" });
    await setup.executor.run();
    setup.proxy.hold();
    const started = setup.executor.start({ messages: '[{"body":"1"},{"body":"2"},{"body":"3"},{"body":"4"}]' });
    await eventually("three messages are in the queue", async () => (await setup.depth()) === 4);
    setup.proxy.cut();
    const { report } = await started.finished;
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_LOST", undefined, undefined]);
    assert.deepEqual([report.evidence?.["published"], report.evidence?.["unpublished"]], [0, 4]);
    assert.equal(await setup.depth(), 4, "the fourth was not sent");
  });

  test("a broker that never answers is given up", guard, async () => {
    await using setup = await setUp();
    setup.proxy.hold();
    const { report } = await setup.executor.run({ connect_timeout: "200ms" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_CONNECT", "NONE"]);
  });

  test("a confirmation that does not come in time leaves the effect open, and harms nobody else", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run();
    setup.proxy.hold();
    const { report } = await setup.executor.run({ timeout: "300ms" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_TOTAL", undefined]);
    const late = await setup.executor.run({}, { deadline: new Date(Date.now() + 300) });
    assert.match(late.report.message ?? "", /before the deadline/);
    setup.proxy.release();
    const run = await setup.executor.run();
    assert.deepEqual([run.report.outcome, evidence(run, "connectionReused")], ["SUCCEEDED", true]);
  });

  test("a stop waits for the confirmation as long as it may", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run();
    setup.proxy.hold();
    const started = setup.executor.start({ messages: '[{"body":"1"},{"body":"2"}]' });
    await eventually("the first message is in the queue", async () => (await setup.depth()) === 2);
    started.cancel({ graceMs: 60_000 });
    setup.proxy.release();
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect, report.evidence?.["published"]], ["CANCELLED", "HAPPENED", 1]);
    setup.proxy.hold();
    const hasty = setup.executor.start({});
    await eventually("the next message is in the queue", async () => (await setup.depth()) === 3);
    hasty.cancel({ graceMs: 100 });
    assert.deepEqual(
      [(await hasty.finished).report.outcome, (await hasty.finished).report.effect],
      ["CANCELLED", undefined],
    );
  });

  test("a stop while connecting has no effect", guard, async () => {
    await using setup = await setUp();
    setup.proxy.hold();
    const started = setup.executor.start({});
    await eventually("it connects", () => setup.proxy.open > 0);
    started.cancel({ reason: "enough", graceMs: 60_000 });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", "NONE"]);
    assert.equal(report.message, "stopped while connecting: enough");
  });
});

describe("a login", { ...guard, skip: rabbitmq.skip }, () => {
  const password = () => rabbitmq.endpoint("password");
  const config = () => ({
    url: `amqp://${rabbitmq.endpoint("amqp")}`,
    username: rabbitmq.endpoint("user"),
    password: password(),
    exchange: "amq.fanout",
    mandatory: "false",
  });
  const secured = () => ({ url: `amqps://${rabbitmq.endpoint("amqps")}`, tls_ca_file: rabbitmq.endpoint("caFile") });

  test("with a wrong password is refused for good, and nothing tells the password", guard, async () => {
    await using executor = new TestExecutor(createRabbitmqExecutor(), config());
    for (const auth of ["plain", "amqplain"]) {
      assert.equal((await executor.run({ auth })).report.outcome, "SUCCEEDED");
      const run = await executor.run({ auth, password: "pl4nted", debug: "true" });
      assert.deepEqual(
        [run.report.code, run.report.retryability, run.report.effect],
        ["AUTH_FAILED", "PERMANENT", "NONE"],
      );
      assert.ok(!everythingTold(run).includes("pl4nted"));
    }
    const inUrl = { url: `amqp://alice:pl4nted@${rabbitmq.endpoint("amqp")}` };
    await using other = new TestExecutor(createRabbitmqExecutor(), { ...inUrl, "queue.name": "x" });
    const run = await other.run();
    assert.equal(run.report.code, "AUTH_FAILED");
    assert.ok(!everythingTold(run).includes("pl4nted"));
    assert.equal((await other.probe()).code, "AUTH_FAILED");
    const malformed = await other.run({ url: "amqp//alice:pl4nted@nowhere" });
    assert.equal(malformed.report.outcome, "REJECTED");
    assert.ok(!everythingTold(malformed).includes("pl4nted"));
  });

  test("to a vhost that is not there, or not allowed, is told so", guard, async () => {
    await using executor = new TestExecutor(createRabbitmqExecutor(), config());
    const { report } = await executor.run({ vhost: "nowhere" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["VHOST_REFUSED", "PERMANENT", "NONE"]);
    const denied = await executor.run({ username: rabbitmq.endpoint("deniedUser") });
    assert.deepEqual([denied.report.code, denied.report.effect], ["NOT_ALLOWED", "NONE"]);
  });

  test("over TLS checks the broker, and may be by certificate", guard, async () => {
    await using executor = new TestExecutor(createRabbitmqExecutor(), { ...config(), ...secured() });
    assert.equal((await executor.run()).report.outcome, "SUCCEEDED");
    assert.equal((await executor.run({ tls_server_name: "other.test" })).report.code, "TLS_FAILED");
    const { tls_ca_file: _, ...untrusting } = { ...config(), ...secured() };
    await using stranger = new TestExecutor(createRabbitmqExecutor(), untrusting);
    const { report } = await stranger.run();
    assert.deepEqual([report.code, report.retryability, report.effect], ["TLS_FAILED", "PERMANENT", "NONE"]);
    const careless = await stranger.run({ tls_no_verify: "true" });
    assert.match(careless.report.warnings?.join() ?? "", /not verified/);

    const certificate = {
      tls_certificate_file: rabbitmq.endpoint("clientCertificateFile"),
      tls_certificate_key_file: rabbitmq.endpoint("clientKeyFile"),
    };
    const target = { exchange: "amq.fanout", mandatory: "false", "message.user_id": "executor" };
    await using external = new TestExecutor(createRabbitmqExecutor(), { ...secured(), ...certificate, ...target });
    const run = await external.run({ auth: "external" });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    const query = new URLSearchParams({
      cacertfile: rabbitmq.endpoint("caFile"),
      certfile: certificate.tls_certificate_file,
      keyfile: certificate.tls_certificate_key_file,
      auth_mechanism: "external",
      heartbeat: "5",
    });
    await using dkron = new TestExecutor(createRabbitmqExecutor(), {
      ...target,
      url: `${secured().url}/%2F?${query.toString()}`,
    });
    const asDkron = await dkron.run();
    assert.equal(asDkron.report.outcome, "SUCCEEDED", asDkron.report.message);
  });

  test("on the wrong kind of port is told so", guard, async () => {
    await using executor = new TestExecutor(createRabbitmqExecutor(), { ...config(), connect_timeout: "2s" });
    const { report } = await executor.run({ url: `amqps://${rabbitmq.endpoint("amqp")}` });
    assert.deepEqual([report.outcome === "SUCCEEDED", report.effect], [false, "NONE"]);
  });
});
