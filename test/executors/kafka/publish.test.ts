import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import kafkajs from "kafkajs";
import { createKafkaExecutor } from "../../../executors/kafka/definition.ts";
import { evidence, TestExecutor } from "../../support/executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { readBytes, readTopic } from "./kcat.ts";

const kafka = service("kafka");

function setUp(more: Record<string, string> = {}) {
  const topic = `publish-${randomUUID()}`;
  const broker = kafka.endpoint("broker");
  const executor = new TestExecutor(createKafkaExecutor(), {
    brokerAddress: broker,
    topic,
    create_topic: "true",
    ...more,
  });
  const dispose = (): Promise<void> => executor[Symbol.asyncDispose]();
  return { executor, topic, broker, read: () => readTopic(broker, topic), [Symbol.asyncDispose]: dispose };
}

describe("a record that is published", { ...guard, skip: kafka.skip }, () => {
  test("is where the result says", guard, async () => {
    await using setup = setUp();
    const run = await setup.executor.run({ message: "tick", key: "eu", headers: '["a: 1","b: x","a: 2"]' });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.report.effect, "HAPPENED");
    const [record, ...others] = await setup.read();
    assert.deepEqual(others, []);
    assert.deepEqual([record?.key, record?.payload], ["eu", "tick"]);
    assert.deepEqual(record?.headers, ["a", "1", "a", "2", "b", "x"]);
    const told = {
      topic: setup.topic,
      partition: record?.partition,
      offset: 0,
      timestamp: new Date(record?.ts ?? 0).toISOString(),
    };
    assert.deepEqual(JSON.parse(run.stdout.toString()), told);
    const { topic: _, ...place } = told;
    assert.deepEqual(evidence(run, "records"), [place]);
    assert.deepEqual(evidence(run, "partitions"), [
      { partition: record?.partition, records: 1, firstOffset: 0, lastOffset: 0 },
    ]);
  });

  test("has no key unless the job gives one, not an empty one", guard, async () => {
    await using setup = setUp();
    await setup.executor.run({ message: "unset" });
    await setup.executor.run({ message: "empty", key: "" });
    const records = await setup.read();
    assert.deepEqual(
      new Set(records.map(({ key, payload }) => `${key} ${payload}`)),
      new Set(["null unset", "null empty"]),
    );
  });

  test("has the partition and the time that the job asks for", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "4" });
    await setup.executor.run({ message: "x", partition: "3", timestamp: "2026-01-31T06:00:00Z" });
    const [record] = await setup.read();
    assert.deepEqual([record?.partition, record?.ts], [3, Date.UTC(2026, 0, 31, 6)]);
  });

  test("may be a tombstone, JSON, or any bytes", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "1" });
    await using dir = await TempDir.create();
    const bytes = randomBytes(300);
    await writeFile(dir.join("value"), "from a file\n");
    await setup.executor.run({ key: "gone", tombstone: "true" });
    await setup.executor.run({ message_json: '{ "ok": true }' });
    await setup.executor.run({ message_file: dir.join("value") });
    await setup.executor.run({});
    await setup.executor.run({ message: "Grüße, 世界 🎉", key: "ключ" });
    const records = await setup.read();
    assert.deepEqual(
      records.map(({ key, payload }) => [key, payload]),
      [
        ["gone", null],
        [null, '{ "ok": true }'],
        [null, "from a file\n"],
        [null, ""],
        ["ключ", "Grüße, 世界 🎉"],
      ],
    );
    await using binary = setUp();
    assert.equal((await binary.executor.run({ message_base64: bytes.toString("base64") })).report.outcome, "SUCCEEDED");
    assert.deepEqual(await readBytes(binary.broker, binary.topic), bytes);
  });

  test("carries the trace, and the execution's id where the job asks for it", guard, async () => {
    await using setup = setUp();
    const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" };
    await setup.executor.run({ message: "x", execution_id_header: "execution" }, { traceContext, id: "run-1" });
    const [record] = await setup.read();
    const expected = ["traceparent", traceContext.traceparent, "tracestate", "a=b", "execution", "run-1"];
    assert.deepEqual(record?.headers, expected);
  });

  for (const compression of ["gzip", "snappy", "lz4", "zstd"]) {
    test(`can be compressed with ${compression}`, guard, async () => {
      await using setup = setUp({ compression, create_topic_partitions: "1" });
      const noise = randomBytes(600_000).toString("base64");
      const message = "the same again ".repeat(40_000) + noise.slice(0, 200_000);
      assert.equal((await setup.executor.run({ message: message.slice(0, 900_000) })).report.outcome, "SUCCEEDED");
      assert.equal((await setup.executor.run({ message: noise })).report.outcome, "SUCCEEDED");
      assert.equal((await setup.executor.run({ message: "x" })).report.outcome, "SUCCEEDED");
      const records = await setup.read();
      assert.ok(records[0]?.payload === message.slice(0, 900_000), "the first has come through");
      assert.ok(records[1]?.payload === noise, "the second has come through");
      assert.equal(records[2]?.payload, "x");
    });
  }

  test("of almost 1 MiB passes, and a larger one is refused for good", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "1" });
    const message = "x".repeat(1_048_000);
    assert.equal((await setup.executor.run({ message })).report.outcome, "SUCCEEDED");
    const { report } = await setup.executor.run({ message: `${message}${message}` });
    assert.deepEqual([report.code, report.retryability, report.effect], ["RECORD_TOO_LARGE", "PERMANENT", "NONE"]);
    assert.match(report.message ?? "", /MESSAGE_TOO_LARGE/);
    assert.equal((await setup.executor.run({ message: "after that" })).report.outcome, "SUCCEEDED");
    const records = await setup.read();
    assert.deepEqual(
      records.map(({ payload }) => payload?.length),
      [1_048_000, "after that".length],
    );
  });
});

describe("keys and partitions", { ...guard, skip: kafka.skip }, () => {
  const keys = Array.from({ length: 24 }, (_, index) => `key-${index}`);

  test("go together as Java's clients and librdkafka do it", guard, async () => {
    const messages = JSON.stringify(keys.map((key) => ({ key, value: key })));
    for (const [partitioner, other] of [
      ["murmur2", "murmur2"],
      ["crc32", "consistent"],
    ] as const) {
      await using setup = setUp({ create_topic_partitions: "5", partitioner });
      const run = await setup.executor.run({ messages });
      assert.equal(run.report.outcome, "SUCCEEDED");
      await using peer = setUp({ create_topic_partitions: "5" });
      await peer.executor.run({ message: "so that the topic is there", partition: "0" });
      await produce(peer.broker, peer.topic, other, keys);
      const place = (records: Awaited<ReturnType<typeof setup.read>>): Record<string, number> =>
        Object.fromEntries(records.filter(({ key }) => key !== null).map(({ key, partition }) => [key, partition]));
      assert.deepEqual(place(await setup.read()), place(await peer.read()), partitioner);
    }
  });

  test("need not, with random or round_robin", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "4", partitioner: "round_robin" });
    await setup.executor.run({ messages: JSON.stringify(keys.map(() => ({ key: "the same", value: "x" }))) });
    const records = await setup.read();
    assert.deepEqual(
      [0, 1, 2, 3].map((partition) => records.filter((record) => record.partition === partition).length),
      [6, 6, 6, 6],
    );
  });

  test("without a key, the records of a batch stay together, in their order", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "4" });
    const values = Array.from({ length: 50 }, (_, index) => `value ${index}`);
    await setup.executor.run({ messages: JSON.stringify(values.map((value) => ({ value }))) });
    assert.deepEqual(
      (await setup.read()).map(({ payload }) => payload),
      values,
    );
  });

  test("a partition that is not there is a failure, and no silence", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "2" });
    const { report } = await setup.executor.run({ message: "x", partition: "7" });
    assert.deepEqual([report.code, report.effect], ["PARTITION_NOT_FOUND", "NONE"]);
    assert.deepEqual(await setup.read(), []);
  });
});

describe("many records", { ...guard, skip: kafka.skip }, () => {
  test("are each placed and told, in several batches", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "3", batch_bytes: "10000" });
    await using dir = await TempDir.create();
    const lines = Array.from({ length: 1_000 }, (_, index) =>
      JSON.stringify({ key: `k${index % 7}`, value: { n: index, pad: "p".repeat(100) } }),
    );
    await writeFile(dir.join("records"), `${lines.join("\n")}\n\n`);
    const run = await setup.executor.run({ messages_file: dir.join("records") });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(evidence(run, "published"), 1_000);
    assert.equal((evidence(run, "records") as unknown[]).length, 100);
    const told = run.stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { partition: number; offset: number });
    const records = await setup.read();
    const byPlace = new Map(records.map((record) => [`${record.partition}/${record.offset}`, record]));
    assert.equal(byPlace.size, 1_000);
    for (const [index, { partition, offset }] of told.entries()) {
      const record = byPlace.get(`${partition}/${offset}`);
      assert.equal(
        (JSON.parse(record?.payload ?? "{}") as { n: number }).n,
        index,
        "the record is where its line says",
      );
    }
  });

  test("are not sent at all when one of them is wrong", guard, async () => {
    await using setup = setUp();
    await using dir = await TempDir.create();
    await writeFile(dir.join("records"), '{"value":"1"}\n{"valu":"2"}\n');
    const { report } = await setup.executor.run({ messages_file: dir.join("records") });
    assert.deepEqual([report.code, report.effect], ["RECORDS_INVALID", "NONE"]);
    assert.match(report.message ?? "", /line 2 has an unknown key "valu"/);
    const rejected = await setup.executor.run({ messages_ndjson: '{"value":"1"}\nnonsense' });
    assert.equal(rejected.report.outcome, "REJECTED");
    assert.deepEqual(
      rejected.report.violations?.map(({ field, message }) => [field, message]),
      [["messages_ndjson", "line 2 is not JSON"]],
    );
  });

  test("in a transaction become visible together", guard, async () => {
    await using setup = setUp({ batch_bytes: "1024", transaction: "true" });
    const messages = JSON.stringify(
      Array.from({ length: 40 }, (_, index) => ({ value: `${index} ${"x".repeat(100)}` })),
    );
    const run = await setup.executor.run({ messages });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(evidence(run, "transaction", "committed"), true);
    assert.equal((await setup.read()).length, 40);
  });

  test("of a transaction that fails are never seen", guard, async () => {
    await using setup = setUp({
      batch_bytes: "1024",
      transactional_id: `tx-${randomUUID()}`,
      create_topic_partitions: "1",
    });
    const good = Array.from({ length: 20 }, (_, index) => ({ value: `${index} ${"x".repeat(100)}` }));
    const { report } = await setup.executor.run({
      messages: JSON.stringify([...good, { value: "y".repeat(2_000_000) }]),
    });
    assert.deepEqual([report.code, report.effect], ["RECORD_TOO_LARGE", "NONE"]);
    assert.equal(report.evidence?.["unacknowledged"], 1, "the others had been acknowledged");
    assert.deepEqual(await setup.read(), []);
    assert.equal((await setup.executor.run({ message: "next" })).report.outcome, "SUCCEEDED");
    assert.deepEqual(
      (await setup.read()).map(({ payload }) => payload),
      ["next"],
    );
  });
});

describe("a topic", { ...guard, skip: kafka.skip }, () => {
  test("that is not there is a failure, whatever the cluster would do", guard, async () => {
    await using setup = setUp({ create_topic: "false" });
    const { report } = await setup.executor.run({ message: "x" });
    assert.deepEqual([report.code, report.retryability, report.effect], ["TOPIC_NOT_FOUND", "PERMANENT", "NONE"]);
    const probe = await setup.executor.probe();
    assert.deepEqual([probe.ok, probe.code], [false, "TOPIC_NOT_FOUND"], "and it has not come into being");
  });

  test("is looked at by the probe, and not made", guard, async () => {
    await using setup = setUp({ create_topic_partitions: "6" });
    assert.match((await setup.executor.probe()).message, /does not exist and will be created/);
    assert.equal((await setup.executor.probe({ create_topic: "false" })).ok, false);
    await setup.executor.run({ message: "x" });
    const probe = await setup.executor.probe();
    assert.deepEqual([probe.ok, probe.details?.["partitions"]], [true, 6]);
    assert.equal((await setup.read()).length, 1, "and nothing is written");
  });

  test("that is deleted between two runs is missed, and found again when it is back", guard, async () => {
    await using setup = setUp();
    await setup.executor.run({ message: "x" });
    const admin = new kafkajs.Kafka({ brokers: [setup.broker] }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [setup.topic] });
    await admin.disconnect();
    const { report } = await setup.executor.run({ message: "x", timeout: "1s" });
    assert.equal(report.code, "TIMEOUT_TOTAL");
    assert.match(report.message ?? "", /last: This server /);
    assert.equal((await setup.executor.run({ message: "y" })).report.outcome, "SUCCEEDED");
    assert.deepEqual(
      (await setup.read()).map(({ payload }) => payload),
      ["y"],
    );
  });

  test("with a name that Kafka does not take is refused for good", guard, async () => {
    await using setup = setUp();
    const { report } = await setup.executor.run({ message: "x", topic: "no spaces, please" });
    assert.deepEqual([report.code, report.retryability], ["TOPIC_INVALID", "PERMANENT"]);
  });
});

test("acks=none proves nothing, and says so", { ...guard, skip: kafka.skip }, async () => {
  await using setup = setUp();
  await setup.executor.run({ message: "x" });
  const run = await setup.executor.run({ message: "y", acks: "none" });
  assert.deepEqual([run.report.outcome, run.report.effect], ["SUCCEEDED", undefined]);
  assert.match(run.report.warnings?.join() ?? "", /nobody has said/);
  assert.equal((await setup.executor.run({ message: "z", acks: "leader" })).report.effect, "HAPPENED");
});

/** Write keys as librdkafka's partitioner of that name places them. */
async function produce(broker: string, topic: string, partitioner: string, keys: readonly string[]): Promise<void> {
  const kcat = spawn("kcat", ["-P", "-b", broker, "-t", topic, "-K", ":", "-X", `topic.partitioner=${partitioner}`]);
  kcat.stdin.end(keys.map((key) => `${key}:x\n`).join(""));
  const [code] = (await once(kcat, "exit")) as [number];
  assert.equal(code, 0);
}
