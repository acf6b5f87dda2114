import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { createRabbitmqExecutor } from "../../../executors/rabbitmq/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { manage, queueFacts, rabbitmq, readQueue, url } from "./broker.ts";

function setUp(more: Record<string, string> = {}) {
  const queue = `publish-${randomUUID()}`;
  const executor = new TestExecutor(createRabbitmqExecutor(), {
    url: url(),
    "queue.name": queue,
    "queue.create": "true",
    ...more,
  });
  const dispose = async (): Promise<void> => {
    await executor[Symbol.asyncDispose]();
    // It may never have been there, or be gone.
    await manage("DELETE", `/queues/%2F/${queue}`).catch(() => undefined);
  };
  return { executor, queue, read: () => readQueue(queue), [Symbol.asyncDispose]: dispose };
}

describe("a message that is published", { ...guard, skip: rabbitmq.skip }, () => {
  test("is in the queue, and the result proves it", guard, async () => {
    await using setup = setUp();
    const run = await setup.executor.run({ "message.body": "Grüße, 世界 🎉" });
    assert.deepEqual([run.report.outcome, run.report.effect], ["SUCCEEDED", "HAPPENED"], run.report.message);
    assert.equal(evidence(run, "messages", 0, "confirmed"), true);
    assert.deepEqual([evidence(run, "queue", "name"), evidence(run, "queue", "messages")], [setup.queue, 0]);
    const bytes = Buffer.byteLength("Grüße, 世界 🎉");
    const line = { exchange: "", routingKey: setup.queue, bytes, confirmed: true };
    assert.deepEqual(JSON.parse(run.stdout.toString()), line);
    const [message] = await setup.read();
    assert.equal(message?.payload.toString(), "Grüße, 世界 🎉");
    assert.deepEqual([message?.properties["content_type"], message?.properties["delivery_mode"]], ["text/plain", 2]);
  });

  test("carries every property, and headers of every type", guard, async () => {
    await using setup = setUp({ "queue.arguments": '{"x-max-priority":9}' });
    const headers = {
      text: "a",
      number: 5,
      half: 0.5,
      yes: true,
      nothing: null,
      list: [1, "b"],
      table: { inner: "c" },
      byte: { "!": "byte", value: -7 },
      big: { "!": "long", value: "9007199254740993" },
      at: { "!": "timestamp", value: 1_769_839_200 },
    };
    const run = await setup.executor.run({
      "message.json": '{"run":true}',
      "message.content_encoding": "identity",
      "message.headers": JSON.stringify(headers),
      "message.delivery_mode": "1",
      "message.priority": "7",
      "message.correlation_id": "c-1",
      "message.reply_to": "answers",
      "message.expiration": "1m30s",
      "message.messageId": "m-1",
      "message.timestamp": "2026-01-31T06:00:00Z",
      "message.type": "order",
      "message.user_id": rabbitmq.endpoint("user"),
      "message.app_id": "cron",
    });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    const [message] = await setup.read();
    const { headers: read, ...properties } = message?.properties ?? {};
    assert.deepEqual(properties, {
      content_type: "application/json",
      content_encoding: "identity",
      delivery_mode: 1,
      priority: 7,
      correlation_id: "c-1",
      reply_to: "answers",
      expiration: "90000",
      message_id: "m-1",
      timestamp: 1_769_839_200,
      type: "order",
      user_id: rabbitmq.endpoint("user"),
      app_id: "cron",
    });
    assert.deepEqual(
      { ...read, big: String(read?.["big"]), nothing: null },
      { ...headers, byte: -7, big: String(Number("9007199254740993")), at: 1_769_839_200 },
    );
  });

  test("may be any bytes, from a file, or empty", guard, async () => {
    await using setup = setUp();
    await using dir = await TempDir.create();
    const bytes = randomBytes(1_500_000);
    await writeFile(dir.join("body"), bytes);
    await setup.executor.run({ "message.base64Body": bytes.toString("base64") });
    await setup.executor.run({ "message.file": dir.join("body") });
    await setup.executor.run({});
    await setup.executor.run({ "message.body": "kept", "message.base64Body": "" });
    const bodies = (await setup.read()).map(({ payload }) => payload);
    assert.ok(bodies[0]?.equals(bytes) && bodies[1]?.equals(bytes), "both are byte-exact");
    assert.deepEqual(
      bodies.slice(2).map((body) => body.toString()),
      ["", "kept"],
    );
  });

  test("carries the trace, and the execution's id where the job asks for it", guard, async () => {
    await using setup = setUp({ "message.headers": '{"tracestate":"mine"}', execution_id_header: "execution" });
    const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" };
    await setup.executor.run({}, { traceContext, id: "run-1" });
    const [message] = await setup.read();
    const expected = { traceparent: traceContext.traceparent, tracestate: "mine", execution: "run-1" };
    assert.deepEqual(message?.properties.headers, expected);
  });

  test("larger than the broker takes is refused for good", guard, async () => {
    await using setup = setUp();
    const { report } = await setup.executor.run({ "message.body": "x".repeat(5_000_000) });
    assert.deepEqual([report.code, report.retryability, report.effect], ["MESSAGE_TOO_LARGE", "PERMANENT", "NONE"]);
    assert.equal((await setup.executor.run({ "message.body": "next" })).report.outcome, "SUCCEEDED");
    assert.equal((await setup.read()).length, 1);
  });
});

describe("a message that no queue gets", { ...guard, skip: rabbitmq.skip }, () => {
  test("is a failure with the broker's code and text", guard, async () => {
    await using setup = setUp({ "queue.create": "false" });
    const { report } = await setup.executor.run({ "message.body": "x" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["UNROUTABLE", "PERMANENT", "NONE"]);
    assert.match(report.message ?? "", /NO_ROUTE \(312\)/);
    const unconfirmed = await setup.executor.run({ "message.body": "x", confirm: "false" });
    assert.equal(unconfirmed.report.code, "UNROUTABLE");
  });

  test("is a success only where the job does not mind", guard, async () => {
    await using setup = setUp({ "queue.create": "false", mandatory: "false" });
    assert.equal((await setup.executor.run({ "message.body": "x" })).report.outcome, "SUCCEEDED");
    assert.deepEqual((await setup.executor.probe().catch(() => undefined))?.ok, false);
  });

  test("because its exchange is not there is a failure", guard, async () => {
    await using setup = setUp({ exchange: "nowhere", "queue.create": "false" });
    const { report } = await setup.executor.run({ "message.body": "x" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["EXCHANGE_NOT_FOUND", "PERMANENT", "NONE"]);
    assert.match(report.message ?? "", /no exchange 'nowhere' in vhost '\/' \(404\)/);
    const unconfirmed = await setup.executor.run({ "message.body": "x", confirm: "false" });
    assert.equal(unconfirmed.report.code, "EXCHANGE_NOT_FOUND");
  });

  test("because the queue is full is nacked", guard, async () => {
    await using setup = setUp({ "queue.arguments": '{"x-max-length":1,"x-overflow":"reject-publish"}' });
    assert.equal((await setup.executor.run({ "message.body": "1" })).report.outcome, "SUCCEEDED");
    const { report } = await setup.executor.run({ "message.body": "2" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["NACKED", "RETRYABLE", "NONE"]);
    const many = await setup.executor.run({ exchange: "amq.fanout", "queue.bindings": '[{"exchange":"amq.fanout"}]' });
    assert.deepEqual(
      [many.report.code, many.report.retryability, many.report.effect],
      ["NACKED", undefined, undefined],
    );
    assert.equal((await setup.read()).length, 1);
  });

  test("with a property that the broker does not take is refused", guard, async () => {
    await using setup = setUp();
    const { report } = await setup.executor.run({ "message.user_id": "somebody" });
    assert.deepEqual([report.code, report.effect], ["MESSAGE_REFUSED", "NONE"]);
    assert.match(report.message ?? "", /user_id property set to 'somebody'.* \(406\)/);
  });
});

describe("exchanges and queues", { ...guard, skip: rabbitmq.skip }, () => {
  test("are declared and bound before the message is published", guard, async () => {
    const exchange = `events-${randomUUID()}`;
    await using setup = setUp({
      exchange,
      "exchange.create": "true",
      "exchange.type": "topic",
      "exchange.auto_delete": "true",
      "queue.bindings": JSON.stringify([{ exchange, routing_key: "order.*" }]),
    });
    const run = await setup.executor.run({ routing_key: "order.created", "message.body": "x" });
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    const other = await setup.executor.run({ routing_key: "invoice.created", "message.body": "x" });
    assert.equal(other.report.code, "UNROUTABLE");
    const [message, ...more] = await setup.read();
    assert.deepEqual([message?.exchange, message?.routingKey, more.length], [exchange, "order.created", 0]);
  });

  for (const type of ["classic", "quorum", "stream"]) {
    test(`may be of the type ${type}`, guard, async () => {
      await using setup = setUp({ "queue.type": type, "queue.durable": "true" });
      assert.equal((await setup.executor.run({ "message.body": "x" })).report.outcome, "SUCCEEDED");
      const facts = await queueFacts(setup.queue);
      assert.deepEqual([facts?.["type"], facts?.["durable"]], [type, true]);
    });
  }

  test("that are there with other properties are a failure that says so", guard, async () => {
    await using setup = setUp();
    await setup.executor.run({});
    const { report } = await setup.executor.run({ "queue.durable": "true" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["DECLARATION_CONFLICT", "PERMANENT", "NONE"]);
    assert.match(report.message ?? "", /inequivalent arg 'durable'/);
    assert.equal((await setup.executor.run({})).report.outcome, "SUCCEEDED");
  });

  test("can be checked without being declared", guard, async () => {
    await using setup = setUp();
    const check = { "queue.create": "false", "queue.check": "true" };
    const { report } = await setup.executor.run(check);
    assert.deepEqual([report.code, report.effect], ["QUEUE_NOT_FOUND", "NONE"]);
    await setup.executor.run({});
    const run = await setup.executor.run(check);
    assert.equal(evidence(run, "queue", "messages"), 1);
    const missing = await setup.executor.run({ ...check, exchange: "nowhere", "exchange.check": "true" });
    assert.equal(missing.report.code, "EXCHANGE_NOT_FOUND");
  });

  test("an exclusive queue goes with the execution", guard, async () => {
    await using setup = setUp({ "queue.exclusive": "true" });
    for (let time = 0; time < 2; time++) {
      const run = await setup.executor.run({ "message.body": "x" });
      assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
      assert.equal(evidence(run, "connectionReused"), false);
      assert.match(run.report.warnings?.join() ?? "", /queue\.exclusive/);
    }
  });

  test("amq.default is the exchange without a name", guard, async () => {
    await using setup = setUp({ exchange: "amq.default" });
    assert.equal((await setup.executor.run({})).report.outcome, "SUCCEEDED");
    assert.equal((await setup.read()).length, 1);
  });

  test("further routing keys bring the message into further queues", guard, async () => {
    await using first = setUp();
    await using second = setUp();
    await second.executor.run({});
    await first.executor.run({ "message.body": "x", "message.cc": second.queue });
    assert.equal((await first.read()).length, 1);
    assert.equal((await second.read()).length, 2);
  });
});

describe("many messages", { ...guard, skip: rabbitmq.skip }, () => {
  test("are each confirmed and told, in their order", guard, async () => {
    await using setup = setUp();
    const messages = Array.from({ length: 120 }, (_, index) => ({
      body: { n: index },
      messageId: `m${index}`,
      headers: { index },
    }));
    const run = await setup.executor.run({ messages: JSON.stringify(messages) });
    assert.equal(evidence(run, "published"), 120);
    assert.equal((evidence(run, "messages") as unknown[]).length, 100);
    assert.equal(run.stdout.toString().trimEnd().split("\n").length, 120);
    const read = await setup.read();
    assert.deepEqual(
      read.map(({ payload, properties }) => [
        payload.toString(),
        properties["message_id"],
        properties.headers?.["index"],
      ]),
      messages.map(({ body, messageId, headers }) => [JSON.stringify(body), messageId, headers.index]),
    );
  });

  test("end with the first that fails, and the result says how far they came", guard, async () => {
    await using setup = setUp();
    const messages = ["a", "b"].map((body) => ({ body }));
    const config = { messages: JSON.stringify([...messages, { body: "c", routing_key: "nowhere" }, { body: "d" }]) };
    const { report } = await setup.executor.run(config);
    assert.deepEqual([report.code, report.effect], ["UNROUTABLE", "HAPPENED"]);
    assert.deepEqual([report.evidence?.["published"], report.evidence?.["unpublished"]], [2, 2]);
    assert.equal((await setup.read()).length, 2);
  });

  test("may be on their way together, and are told in their order all the same", guard, async () => {
    await using setup = setUp({ in_flight: "50" });
    const messages = Array.from({ length: 1_000 }, (_, index) => ({ body: `${index}` }));
    const run = await setup.executor.run({ messages: JSON.stringify(messages) });
    assert.equal(evidence(run, "published"), 1_000);
    const lines = run.stdout.toString().trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { readonly position: number }).position),
      messages.map((_, index) => index + 1),
    );
    assert.deepEqual(
      (await setup.read()).map(({ payload }) => payload.toString()),
      messages.map(({ body }) => body),
    );
  });

  test("that are on their way behind one that fails are told as well", guard, async () => {
    await using setup = setUp({ in_flight: "4" });
    const bodies = ["same", "same", "same", "d", "e", "f", "g", "h", "i"];
    const messages = bodies.map((body, index) => ({ body, ...(index === 1 && { routing_key: "nowhere" }) }));
    const run = await setup.executor.run({ messages: JSON.stringify(messages) });
    const { report } = run;
    assert.deepEqual([report.code, report.retryability, report.effect], ["UNROUTABLE", "PERMANENT", "HAPPENED"]);
    assert.match(report.message ?? "", /^message 2: no queue gets a message/);
    const read = await setup.read();
    assert.deepEqual(
      [report.evidence?.["published"], report.evidence?.["unpublished"]],
      [read.length, 9 - read.length],
    );
    assert.ok(read.length < 8, "not all were sent");
    const told = run.stdout.toString().trimEnd().split("\n");
    assert.deepEqual(
      told.map((line) => bodies[(JSON.parse(line) as { readonly position: number }).position - 1]),
      read.map(({ payload }) => payload.toString()),
    );
  });

  test("without confirmations prove nothing, and say so", guard, async () => {
    await using setup = setUp({ confirm: "false" });
    const { report } = await setup.executor.run({ messages_ndjson: '{"body":"1"}\n{"body":"2"}\n' });
    assert.deepEqual([report.outcome, report.effect], ["SUCCEEDED", undefined], report.message);
    assert.match(report.warnings?.join() ?? "", /nobody has said/);
    assert.equal((await setup.read()).length, 2);
  });
});
