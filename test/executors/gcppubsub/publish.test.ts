import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { limits } from "../../../executors/gcppubsub/defaults.ts";
import { createPubSubExecutor } from "../../../executors/gcppubsub/definition.ts";
import { eventually } from "../../support/eventually.ts";
import { evidence, everythingTold, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { PubSubReader } from "./reader.ts";

const pubsub = service("gcppubsub");

describe("publishing to Pub/Sub", { ...guard, skip: pubsub.skip }, () => {
  let reader: PubSubReader;
  let executor: TestExecutor<unknown>;
  before(() => {
    reader = new PubSubReader(pubsub.endpoint("emulator"));
    executor = new TestExecutor(createPubSubExecutor(), {
      emulator: pubsub.endpoint("emulator"),
      project: "test-project",
      retry_backoff: "1ms",
    });
  });
  after(async () => {
    await executor[Symbol.asyncDispose]();
    reader[Symbol.dispose]();
  });

  test("gives the message's id, and the message can be read with it", guard, async () => {
    const { topic, received } = await reader.topic();
    const bytes = randomBytes(1000);
    const attributes = { source: "cron", ünïcode: "✓" };
    const run = await executor.run({ topic, data: bytes.toString("base64"), attributes: JSON.stringify(attributes) });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.equal(run.report.effect, "HAPPENED");
    const [message] = await received(1);
    assert.deepEqual(message?.data, bytes);
    assert.deepEqual(message?.attributes, attributes);
    assert.deepEqual(evidence(run, "messageIds"), [message?.id]);
    assert.equal(run.stdout.toString(), `${message?.id}\n`);
    assert.equal(evidence(run, "topic"), `projects/test-project/topics/${topic}`);
    assert.deepEqual(evidence(run, "messages"), { given: 1, published: 1 });
  });

  test("takes text, JSON and files, and topics by their full name", guard, async () => {
    const { topic, received } = await reader.topic();
    const path = join(tmpdir(), randomUUID());
    const large = randomBytes(1024 * 1024);
    await writeFile(path, large);
    for (const content of [
      { data_text: "grüße 🚀" },
      { data_json: '{ "a": 1 }' },
      { data_file: path },
      { attributes: '{"only":"this"}' },
    ]) {
      const full = `projects/test-project/topics/${topic}`;
      const { report } = await executor.run({ topic: full, ...content });
      assert.equal(report.outcome, "SUCCEEDED", report.message);
    }
    const messages = await received(4);
    const texts = messages.map(({ data }) => (data.equals(large) ? "the file" : data.toString()));
    assert.deepEqual(new Set(texts), new Set(["grüße 🚀", '{ "a": 1 }', "the file", ""]));
    await rm(path);
    assert.equal((await executor.run({ topic, data_file: path })).report.code, "FILE_UNREADABLE");
  });

  test("carries the execution's trace, also in the name that Google's clients look for", guard, async () => {
    const { topic, received } = await reader.topic();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    await executor.run({ topic, data_text: "x" }, { traceContext: { traceparent } });
    assert.deepEqual((await received(1))[0]?.attributes, { traceparent, googclient_traceparent: traceparent });
  });

  test("publishes many messages in their order, with an id for each", guard, async () => {
    const { topic, received } = await reader.topic();
    const count = limits.requestMessages + 5;
    const lines = Array.from({ length: count }, (_, index) =>
      JSON.stringify({ data_text: String(index), ordering_key: "k" }),
    );
    const run = await executor.run({ topic, messages: lines.join("\n") });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.deepEqual(evidence(run, "messages"), { given: count, published: count });
    assert.equal(evidence(run, "attempts"), 2, "in two requests");
    const ids = run.stdout.toString().trim().split("\n");
    const messages = await received(count);
    const texts = new Map(messages.map(({ id, data }) => [id, data.toString()]));
    assert.deepEqual(
      ids.map((id) => texts.get(id)),
      lines.map((_, index) => String(index)),
    );
    assert.ok(messages.every(({ orderingKey }) => orderingKey === "k"));
    const mixed = '[{"data":"AP8="},{"data_json":{"a":[1]},"attributes":{"n":"2"}}]';
    assert.deepEqual(evidence(await executor.run({ topic, messages: mixed }), "messages"), { given: 2, published: 2 });
  });

  test(
    "says what was published when a later request fails, and the ordering key goes on afterwards",
    guard,
    async () => {
      const { topic, received } = await reader.topic();
      const messages = Array.from({ length: limits.requestMessages }, () => ({ data_text: "good", ordering_key: "k" }));
      const lines = [...messages, { data_text: "bad", ordering_key: "k", attributes: { fault: "3" } }].map((one) =>
        JSON.stringify(one),
      );
      const run = await executor.run({ topic, messages: lines.join("\n") });
      assert.deepEqual(
        [run.report.outcome, run.report.code, run.report.effect],
        ["FAILED", "MESSAGE_REFUSED", "HAPPENED"],
      );
      assert.deepEqual(evidence(run, "messages"), { given: messages.length + 1, published: messages.length });
      assert.equal(run.stdout.toString().trim().split("\n").length, messages.length);
      const resumed = await executor.run({ topic, data_text: "resumed", ordering_key: "k" });
      assert.equal(resumed.report.outcome, "SUCCEEDED");
      assert.equal((await received(messages.length + 1)).length, messages.length + 1);
    },
  );

  test("refuses what Pub/Sub would not take, before it is sent", guard, async () => {
    const { topic } = await reader.topic();
    const { report } = await executor.run({ topic, data_text: "x".repeat(10_000_001) });
    assert.deepEqual([report.code, report.retryability, report.effect], ["MESSAGE_TOO_LARGE", "PERMANENT", "NONE"]);
  });

  test("tells what the service says, and whether another attempt makes sense", guard, async () => {
    const { topic } = await reader.topic();
    for (const [code, expected, retryability, effect] of [
      [3, "MESSAGE_REFUSED", "PERMANENT", "NONE"],
      [7, "PERMISSION_DENIED", "PERMANENT", "NONE"],
      [16, "AUTH_FAILED", "PERMANENT", "NONE"],
      [8, "QUOTA_EXCEEDED", "RETRYABLE", "NONE"],
      [14, "SERVICE_UNAVAILABLE", undefined, undefined],
      [13, "SERVICE_ERROR", undefined, undefined],
    ] as const) {
      const config = { topic, data_text: "x", attributes: `{"fault":"${code}"}`, retry_attempts: "2" };
      const { report } = await executor.run(config);
      assert.deepEqual([report.code, report.retryability, report.effect], [expected, retryability, effect]);
      assert.match(report.message ?? "", new RegExp(`asked for code ${code}`));
    }
    const missing = await executor.run({ topic: "missing-topic", data_text: "x" });
    assert.deepEqual([missing.report.code, missing.report.effect], ["TOPIC_NOT_FOUND", "NONE"]);
  });

  test("tries again what may be over soon, as often as the job says", guard, async () => {
    const { topic, received } = await reader.topic();
    const flaky = (times: number) => ({
      topic,
      data_text: "x",
      attributes: JSON.stringify({ fault: `${randomUUID()}:14:${times}` }),
    });
    const run = await executor.run({ ...flaky(2), retry_attempts: "3" });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.equal(evidence(run, "attempts"), 3);
    assert.equal((await received(1)).length, 1);
    const short = await executor.run({ ...flaky(2), retry_attempts: "2" });
    assert.equal(short.report.code, "SERVICE_UNAVAILABLE");
    const late = await executor.run({ ...flaky(1), retry_backoff: "1h" });
    assert.equal(late.report.code, "SERVICE_UNAVAILABLE", "there is no time for another attempt");
  });

  test("stops waiting for another attempt when it is cancelled", guard, async () => {
    const { topic } = await reader.topic();
    const config = { topic, data_text: "x", attributes: '{"fault":"14"}', retry_backoff: "1h", timeout: "0" };
    const started = executor.start(config);
    await started.waitFor((event) => event.type === "progress");
    started.cancel({ reason: "enough" });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", undefined]);
    assert.equal(report.message, "stopped while waiting for the message's id: enough");
  });

  async function setUp() {
    const proxy = await TcpProxy.start(pubsub.endpoint("emulator"));
    const { topic } = await reader.topic();
    const own = new TestExecutor(createPubSubExecutor(), {
      emulator: proxy.address,
      project: "test-project",
      topic,
      data_text: "x",
      retry_attempts: "1",
    });
    return {
      proxy,
      own,
      topic,
      [Symbol.asyncDispose]: async () => {
        await own[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  test("fails when nobody is there, and works once somebody is", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.own.run();
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_REFUSED", "RETRYABLE", "NONE"]);
    await setup.proxy.comeBack();
    const again = await setup.own.run({ retry_attempts: "10", retry_backoff: "200ms" });
    assert.equal(again.report.outcome, "SUCCEEDED", again.report.message);
  });

  test("shares a connection, and gets another when that is lost", guard, async () => {
    await using setup = await setUp();
    assert.equal(evidence(await setup.own.run(), "connectionReused"), false);
    assert.equal(evidence(await setup.own.run(), "connectionReused"), true);
    assert.equal(setup.proxy.accepted, 1);
    setup.proxy.cut();
    await sleep(100); // For this process to read that it was cut, which nothing else tells.
    const { report } = await setup.own.run();
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(setup.proxy.accepted, 2);
  });

  test("finds out that a connection has silently died before it is used", guard, async () => {
    await using setup = await setUp();
    await setup.own.run();
    setup.proxy.freeze();
    // Idle for long enough to be asked for a sign of life.
    await sleep(limits.pool.checkAfterMs + 100);
    const run = await setup.own.run();
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    assert.deepEqual([evidence(run, "connectionReused"), setup.proxy.accepted], [false, 2]);
  });

  test("leaves open what has happened when the answer is lost or too late", guard, async () => {
    await using setup = await setUp();
    await setup.own.run();
    setup.proxy.hold();
    const late = await setup.own.run({ timeout: "200ms" });
    assert.deepEqual(
      [late.report.outcome, late.report.code, late.report.effect],
      ["TIMED_OUT", "TIMEOUT_TOTAL", undefined],
    );
    assert.match(late.report.hint ?? "", /not known/);
    const hosts = await setup.own.run({ timeout: "0" }, { deadline: new Date(Date.now() + 100) });
    assert.equal(hosts.report.outcome, "TIMED_OUT");

    const started = setup.own.start({ data_text: "unanswered", timeout: "0" });
    const sent = (): Promise<boolean> => reader.holds(setup.topic, "unanswered");
    await eventually("the message has arrived", sent);
    setup.proxy.cut();
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.code, report.effect], ["FAILED", "SERVICE_UNAVAILABLE", undefined]);
  });

  test("honours a cancel while it waits for the answer", guard, async () => {
    await using setup = await setUp();
    await setup.own.run();
    setup.proxy.hold();
    const started = setup.own.start({ data_text: "slow", timeout: "0" });
    await eventually("the message has arrived", () => reader.holds(setup.topic, "slow"));
    started.cancel({ reason: "enough" });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", undefined]);
  });

  test("probes the topic", guard, async () => {
    const { topic } = await reader.topic();
    const good = await executor.probe({ topic, data_text: "x" });
    assert.deepEqual([good.ok, good.details?.["topic"]], [true, `projects/test-project/topics/${topic}`]);
    const missing = await executor.probe({ topic: "missing-topic", data_text: "x" });
    assert.deepEqual([missing.ok, missing.code], [false, "TOPIC_NOT_FOUND"]);
    const nobody = await executor.probe({ topic, data_text: "x", emulator: "127.0.0.1:1" });
    assert.deepEqual([nobody.ok, nobody.code], [false, "CONNECTION_REFUSED"]);
  });

  test("gives away no secret of credentials that do not work", guard, async () => {
    const planted = "pl4nted";
    await using own = new TestExecutor(createPubSubExecutor(), {
      project: "test-project",
      topic: "ticks",
      data_text: "x",
      endpoint: "127.0.0.1:1",
    });
    for (const credentials of [
      planted,
      JSON.stringify({ private_key: planted }),
      JSON.stringify({ type: planted }),
      JSON.stringify({ type: "service_account", client_email: "a@b.test", private_key: planted }),
      JSON.stringify({ type: "external_account", audience: planted }),
    ]) {
      const run = await own.run({ credentials, debug: "true", retry_attempts: "1" });
      assert.equal(run.report.outcome, "FAILED");
      assert.equal(run.report.effect, "NONE", JSON.stringify(run.report));
      assert.ok(!everythingTold(run).includes(planted), everythingTold(run));
    }
  });
});
