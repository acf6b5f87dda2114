import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { connect } from "amqplib";
import { createRabbitmqExecutor } from "../../../executors/rabbitmq/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { rabbitmq, url } from "./broker.ts";

/** A server that answers with what `answer` makes of a request; without an answer it is silent. */
async function setUp(answer: (body: Buffer) => Buffer | undefined) {
  const queue = `rpc-${randomUUID()}`;
  const connection = await connect(url());
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { autoDelete: true, durable: false });
  const requests: string[] = [];
  await channel.consume(queue, (message) => {
    if (message === null) return;
    requests.push(message.content.toString());
    channel.ack(message);
    const { replyTo, correlationId } = message.properties as { replyTo: string; correlationId: string };
    channel.sendToQueue(replyTo, Buffer.from("of another request"), { correlationId: "other" });
    const reply = answer(message.content);
    if (reply !== undefined) channel.sendToQueue(replyTo, reply, { correlationId, contentType: "text/x-reply" });
  });
  const executor = new TestExecutor(createRabbitmqExecutor(), { url: url(), "queue.name": queue, rpc: "true" });
  const dispose = async (): Promise<void> => {
    await executor[Symbol.asyncDispose]();
    await connection.close();
  };
  return { executor, requests, [Symbol.asyncDispose]: dispose };
}

describe("a request", { ...guard, skip: rabbitmq.skip }, () => {
  test("has the body of its reply as output, byte by byte", guard, async () => {
    await using setup = await setUp((body) => Buffer.concat([body, Buffer.from([0, 255, 10])]));
    for (const body of ["first", "second"]) {
      const run = await setup.executor.run({ "message.body": body });
      assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
      assert.deepEqual(run.stdout, Buffer.concat([Buffer.from(body), Buffer.from([0, 255, 10])]));
      assert.equal(evidence(run, "reply", "contentType"), "text/x-reply");
    }
  });

  test("without a reply times out, but has happened", guard, async () => {
    await using setup = await setUp(() => undefined);
    const { report } = await setup.executor.run({ "message.body": "x", timeout: "400ms" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_REPLY", "HAPPENED"]);
    assert.deepEqual(setup.requests, ["x"]);
  });

  test("is given up by a stop", guard, async () => {
    await using setup = await setUp(() => undefined);
    const started = setup.executor.start({ "message.body": "x" });
    await eventually("the server has the request", () => setup.requests.length === 1);
    started.cancel({ reason: "enough" });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", "HAPPENED"]);
    assert.equal(report.message, "stopped while waiting for the reply: enough");
  });

  test("that nobody can get is a failure at once", guard, async () => {
    await using setup = await setUp(() => undefined);
    const { report } = await setup.executor.run({ "queue.name": "nowhere" });
    assert.deepEqual([report.code, report.effect], ["UNROUTABLE", "NONE"]);
  });
});
