import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { connect, headers, type Msg, type NatsConnection } from "nats";
import { createNatsExecutor } from "../../../executors/nats/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";

const nats = service("nats");

describe("a request over NATS", { ...guard, skip: nats.skip }, () => {
  let peer: NatsConnection;
  let executor: TestExecutor<unknown>;
  before(async () => {
    peer = await connect({ servers: nats.endpoint("plain") });
    executor = new TestExecutor(createNatsExecutor(), { url: nats.endpoint("plain"), mode: "request" });
  });
  after(async () => {
    await executor[Symbol.asyncDispose]();
    await peer.close();
  });

  /** @returns the subject that is answered */
  async function answering(answer: (request: Msg) => void): Promise<string> {
    const subject = `ask.${randomUUID()}`;
    peer.subscribe(subject, { callback: (_error, request) => answer(request) });
    await peer.flush();
    return subject;
  }

  test("has the reply as its output, byte by byte", guard, async () => {
    const subject = await answering((request) => void request.respond(Buffer.from([0, 255, ...request.data])));
    const run = await executor.run({ subject, message: "?" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.report.effect, "HAPPENED");
    assert.deepEqual([...run.stdout], [0, 255, 63]);
    assert.equal(evidence(run, "replies"), 1);
  });

  test("takes as many replies as the job asks for, each on a line", guard, async () => {
    const subject = await answering((request) =>
      ["one", "two\n", "three", "four"].forEach((text) => request.respond(text)),
    );
    const run = await executor.run({ subject, replies: "3" });
    assert.equal(run.stdout.toString(), "one\ntwo\nthree\n");
  });

  test("takes any number until it is silent", guard, async () => {
    const subject = await answering((request) => ["one", "two"].forEach((text) => request.respond(text)));
    const run = await executor.run({ subject, replies: "0", reply_silence: "50ms" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.stdout.toString(), "one\ntwo\n");
    assert.equal(evidence(run, "replies"), 2);
  });

  test("takes any number until an empty one", guard, async () => {
    const subject = await answering((request) => ["one", ""].forEach((text) => request.respond(text)));
    const run = await executor.run({ subject, replies: "0", reply_silence: "1h" });
    assert.equal(run.stdout.toString(), "one\n");
  });

  test("that nobody answers fails at once", guard, async () => {
    const { report } = await executor.run({ subject: `ask.${randomUUID()}` });
    assert.deepEqual([report.code, report.retryability, report.effect], ["NO_RESPONDERS", "RETRYABLE", "NONE"]);
  });

  test("that gets too few replies in time tells how many came", guard, async () => {
    const subject = await answering((request) => void request.respond("one"));
    const run = await executor.run({ subject, replies: "2", timeout: "300ms" });
    assert.equal(run.report.outcome, "TIMED_OUT");
    assert.equal(run.report.message, "not finished in time: stopped while waiting for replies, after 1 of 2");
    assert.equal(run.stdout.toString(), "one\n");
    assert.equal(run.report.effect, "HAPPENED");
  });

  test("fails with the error that a service tells", guard, async () => {
    const subject = await answering((request) => {
      const told = headers();
      told.set("Nats-Service-Error-Code", "422");
      told.set("Nats-Service-Error", "no such order");
      request.respond("details", { headers: told });
    });
    const run = await executor.run({ subject });
    assert.equal(run.report.code, "SERVICE_ERROR");
    assert.equal(run.report.retryability, "PERMANENT");
    assert.match(run.report.message ?? "", /422: no such order/);
    assert.equal(run.stdout.toString(), "details");
  });
});
