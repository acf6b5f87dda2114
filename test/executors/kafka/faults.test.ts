import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { createKafkaExecutor } from "../../../executors/kafka/definition.ts";
import { skipUnlessBuilt } from "../../support/built-executor.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { assertCrashLeavesEffectOpen, assertTakesMoreTime, type HeldJob } from "../support/held-job.ts";
import { readTopic } from "./kcat.ts";

const kafka = service("kafka");
const twoBatches = JSON.stringify([{ value: "a".repeat(2_000) }, { value: "b".repeat(2_000) }]);

/** A topic that is there, and an executor that gets to it through a proxy. */
async function setUp(more: Record<string, string> = {}) {
  const topic = `faults-${randomUUID()}`;
  const broker = kafka.endpoint("broker");
  await using direct = new TestExecutor(createKafkaExecutor(), { brokerAddress: broker, topic });
  const probe = { create_topic: "true", create_topic_partitions: "1", message: "first" };
  assert.equal((await direct.run(probe)).report.outcome, "SUCCEEDED");
  const port = Number(kafka.endpoint("proxy").split(":")[1]);
  const proxy = await TcpProxy.start(kafka.endpoint("proxied"), port);
  const executor = new TestExecutor(createKafkaExecutor(), { brokerAddress: proxy.address, topic, ...more });
  /** Values in the topic, but for the one that made it. */
  const values = async () => (await readTopic(broker, topic)).slice(1).map(({ payload }) => payload);
  const dispose = async (): Promise<void> => {
    await executor[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  };
  return { executor, proxy, topic, values, [Symbol.asyncDispose]: dispose };
}

describe("when Kafka is in trouble", { ...guard, skip: kafka.skip }, () => {
  test("a broker that is not there is a failure worth another attempt", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.executor.run({ message: "x", connect_timeout: "300ms" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["CONNECTION_REFUSED", "RETRYABLE", "NONE"]);
    assert.equal(report.message, `cannot connect to ${setup.proxy.address}: connection refused`);
    await setup.proxy.comeBack();
    assert.equal((await setup.executor.run({ message: "x" })).report.outcome, "SUCCEEDED");
  });

  test("a broker that comes up meanwhile is enough", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const started = setup.executor.start({ message: "x" });
    await setup.proxy.comeBack();
    assert.equal((await started.finished).report.outcome, "SUCCEEDED");
  });

  test("of several brokers, one that is there is enough", guard, async () => {
    await using setup = await setUp();
    const brokerAddress = `127.0.0.1:1, ${setup.proxy.address}`;
    for (let run = 0; run < 3; run++) {
      await using fresh = new TestExecutor(createKafkaExecutor());
      const { topic } = setup;
      assert.equal((await fresh.run({ brokerAddress, topic, message: "x" })).report.outcome, "SUCCEEDED");
    }
  });

  test("a connection is used again, and replaced when it is lost between two runs", guard, async () => {
    await using setup = await setUp();
    assert.equal(evidence(await setup.executor.run({ message: "1" }), "connectionReused"), false);
    assert.equal(evidence(await setup.executor.run({ message: "2" }), "connectionReused"), true);
    setup.proxy.cut();
    await eventually("the cut is through", () => setup.proxy.open === 0);
    const run = await setup.executor.run({ message: "3" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.deepEqual(await setup.values(), ["1", "2", "3"]);
  });

  test("a connection that has silently died is found out, and what was sent on it is there once", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "1" });
    setup.proxy.freeze();
    const { report } = await setup.executor.run({ message: "2" });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.deepEqual(await setup.values(), ["1", "2"]);
  });

  test("what was acknowledged to nobody is sent again, and is there once", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ message: "once" });
    await eventually("the record is in the topic", async () => (await setup.values()).length === 2);
    await setup.proxy.goAway();
    setup.proxy.release();
    await setup.proxy.comeBack();
    const { report } = await started.finished;
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.deepEqual(report.evidence?.["partitions"], [{ partition: 0, records: 1, firstOffset: 2, lastOffset: 2 }]);
    await setup.executor.run({ message: "next" });
    assert.deepEqual(await setup.values(), ["warm", "once", "next"]);
  });

  test("a lost acknowledgement leaves the effect open", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ message: "x", timeout: "4s" });
    await eventually("the record is in the topic", async () => (await setup.values()).length === 2);
    await setup.proxy.goAway();
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_TOTAL", undefined]);
    assert.match(report.message ?? "", /not published within 4 s, stopped while sending/);
    assert.equal(report.hint, "records had been sent; whether they were written is not known");
    assert.equal(report.evidence?.["unacknowledged"], 1);
  });

  test("a broker that never answers is given up", guard, async () => {
    await using setup = await setUp();
    setup.proxy.hold();
    const { report } = await setup.executor.run({ message: "x", connect_timeout: "200ms" });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_CONNECT", "NONE"]);
  });

  test("the host's deadline counts as the job's own limit does", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const { report } = await setup.executor.run({ message: "x" }, { deadline: new Date(Date.now() + 300) });
    assert.deepEqual([report.outcome, report.code, report.effect], ["TIMED_OUT", "TIMEOUT_TOTAL", undefined]);
    assert.match(report.message ?? "", /before the deadline/);
  });

  test("nothing is left of a record that was given up before it was sent", guard, async () => {
    await using setup = await setUp();
    await setup.proxy.goAway();
    const { report } = await setup.executor.run({ message: "x", timeout: "200ms" });
    assert.deepEqual([report.outcome, report.effect], ["TIMED_OUT", "NONE"]);
    await setup.proxy.comeBack();
    await setup.executor.run({ message: "y" });
    assert.deepEqual(await setup.values(), ["y"], "no background retry has sent it later");
  });
});

test(
  "whoever waits for another execution's producer does not take that for a broker that is silent",
  { ...guard, skip: kafka.skip },
  async () => {
    await using setup = await setUp({ transactional_id: `turns-${randomUUID()}`, connect_timeout: "2s" });
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const first = setup.executor.start({ message: "1" });
    await first.waitForStarted();
    const second = setup.executor.start({ message: "2" });
    const { report } = await setup.executor.run({ message: "3", timeout: "3s" });
    assert.deepEqual([report.code, report.effect], ["TIMEOUT_TOTAL", "NONE"]);
    assert.match(report.message ?? "", /while waiting for its turn$/);
    setup.proxy.release();
    assert.equal((await first.finished).report.outcome, "SUCCEEDED");
    assert.equal((await second.finished).report.outcome, "SUCCEEDED");
    assert.deepEqual(await setup.values(), ["warm", "1", "2"]);
  },
);

describe("a stop", { ...guard, skip: kafka.skip }, () => {
  test("while connecting ends the execution at once, without effect", guard, async () => {
    await using setup = await setUp();
    setup.proxy.hold();
    const started = setup.executor.start({ message: "x" });
    await eventually("it connects", () => setup.proxy.open > 0);
    started.cancel({ reason: "enough", graceMs: 60_000 });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", "NONE"]);
    assert.equal(report.message, "stopped while connecting: enough");
  });

  test("waits for the answer to what has been sent, and sends no more", guard, async () => {
    await using setup = await setUp({ batch_bytes: "1024" });
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ messages: twoBatches });
    await eventually("the first batch is in the topic", async () => (await setup.values()).length === 2);
    started.cancel({ graceMs: 60_000 });
    setup.proxy.release();
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", "HAPPENED"]);
    assert.deepEqual([report.evidence?.["published"], report.evidence?.["unacknowledged"]], [1, 1]);
    assert.equal((await setup.values()).length, 2);
  });

  test("ends with its grace time when no answer comes, and leaves the effect open", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ message: "x" });
    await eventually("the record is in the topic", async () => (await setup.values()).length === 2);
    started.cancel({ graceMs: 100 });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", undefined]);
    assert.equal(report.hint, "records had been sent; whether they were written is not known");
  });

  test("by force does not wait", guard, async () => {
    await using setup = await setUp();
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ message: "x" });
    await started.waitForStarted();
    started.force();
    assert.equal((await started.finished).report.outcome, "CANCELLED");
  });

  test("in a transaction leaves nothing to be seen", guard, async () => {
    await using setup = await setUp({ transaction: "true", batch_bytes: "1024" });
    await setup.executor.run({ message: "warm" });
    setup.proxy.hold();
    const started = setup.executor.start({ messages: twoBatches });
    await started.waitForStarted();
    started.cancel({ graceMs: 100 });
    const { report } = await started.finished;
    assert.deepEqual([report.outcome, report.effect], ["CANCELLED", "NONE"]);
    setup.proxy.release();
    assert.deepEqual(await setup.values(), ["warm"]);
  });
});

test(
  "many executions at once lose and double nothing when all connections are cut",
  { ...guard, skip: kafka.skip },
  async () => {
    await using setup = await setUp();
    const values = Array.from({ length: 60 }, (_, index) => `value ${index}`);
    const started = values.map((message) => setup.executor.start({ message }));
    await eventually("some are done", async () => (await setup.values()).length > 5);
    setup.proxy.cut();
    const runs = await Promise.all(started.map(({ finished }) => finished));
    assert.deepEqual(
      runs.flatMap(({ report }) => (report.outcome === "SUCCEEDED" ? [] : [report.message])),
      [],
    );
    const found = await setup.values();
    assert.equal(found.length, values.length);
    assert.deepEqual(new Set(found), new Set(values));
  },
);

// Here and not with the other tests of the host, as there is one port for the proxy.
const throughHost = kafka.skip || skipUnlessBuilt("kafka");

async function held(): Promise<HeldJob & AsyncDisposable> {
  const topic = `held-${randomUUID()}`;
  const proxy = await TcpProxy.start(kafka.endpoint("proxied"), Number(kafka.endpoint("proxy").split(":")[1]));
  return {
    executor: "kafka",
    config: { brokerAddress: proxy.address, topic, create_topic: "true", message: "x" },
    proxy,
    arrived: async () => (await readTopic(kafka.endpoint("broker"), topic)).length,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

test(
  "an executor that is killed before the acknowledgement leaves the effect open",
  { ...guard, skip: throughHost },
  async () => {
    await using job = await held();
    await assertCrashLeavesEffectOpen(job);
  },
);

test("a kafka job that waits for its broker can be given more time", { ...guard, skip: throughHost }, async () => {
  await using job = await held();
  await assertTakesMoreTime(job);
});
