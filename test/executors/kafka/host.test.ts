import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestHost } from "../../support/test-host.ts";
import { runManyAtOnce, runWithFile } from "../support/many-jobs.ts";
import { runReadmeExample } from "../support/readme-example.ts";
import { readTopic } from "./kcat.ts";

const kafka = service("kafka");
const skip = kafka.skip || skipUnlessBuilt("kafka");

test("a host runs kafka jobs side by side, and hands their evidence on", { ...guard, skip }, async () => {
  const topic = `host-${randomUUID()}`;
  const config = { brokerAddress: kafka.endpoint("broker"), topic, create_topic: "true", create_topic_partitions: "1" };
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  assert.equal((await host.client.probe("kafka", config)).ok, true);
  const first = await collect(host.client.execute({ executor: "kafka", config: { ...config, message: "0" } }));
  assert.deepEqual([first.result.outcome, first.result.effect], ["SUCCEEDED", "HAPPENED"]);
  assert.equal(first.result.evidence?.["published"], 1);
  const values = ["1", "2", "3", "4", "5", "6", "7", "8"];
  const runs = await Promise.all(
    values.map((message) => collect(host.client.execute({ executor: "kafka", config: { ...config, message } }))),
  );
  const offsets = runs.map(({ stdout }) => (JSON.parse(stdout.toString()) as { offset: number }).offset);
  const records = await readTopic(kafka.endpoint("broker"), topic);
  assert.deepEqual(
    offsets.map((offset) => records[offset]?.payload),
    values,
  );
  const large = "x".repeat(1_000_000);
  const run = await collect(host.client.execute({ executor: "kafka", config: { ...config, message: large } }));
  assert.equal(run.result.outcome, "SUCCEEDED");
  const missing = await collect(
    host.client.execute({ executor: "kafka", config: { brokerAddress: config.brokerAddress, topic: "nowhere" } }),
  );
  const { outcome, code, retryability, effect } = missing.result;
  assert.deepEqual([outcome, code, retryability, effect], ["FAILED", "TOPIC_NOT_FOUND", "PERMANENT", "NONE"]);
});

test("kafka jobs that come all at once find the way together", { ...guard, skip }, async () => {
  const topic = `at-once-${randomUUID()}`;
  const brokerAddress = kafka.endpoint("broker");
  await runManyAtOnce("kafka", (index) => ({ brokerAddress, topic, create_topic: "true", message: `${index}` }));
  const read = (await readTopic(brokerAddress, topic)).map(({ payload }) => Number(payload));
  assert.deepEqual(
    read.toSorted((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
});

test("ten thousand records from a file are each placed", { ...guard, skip }, async () => {
  const topic = `many-${randomUUID()}`;
  const config = { brokerAddress: kafka.endpoint("broker"), topic, create_topic: "true", create_topic_partitions: "1" };
  const values = Array.from({ length: 10_000 }, (_, index) => `${index} ü ✓`);
  const run = await runWithFile(
    "kafka",
    values.map((value) => JSON.stringify({ value })),
    (path) => ({ ...config, messages_file: path }),
  );
  assert.deepEqual([run.result.outcome, run.result.evidence?.["published"]], ["SUCCEEDED", 10_000], run.result.message);
  assert.equal(run.stdout.toString().trimEnd().split("\n").length, 10_000);
  const read = await readTopic(kafka.endpoint("broker"), topic);
  assert.deepEqual(
    read.map(({ payload }) => payload),
    values,
  );
});

test("the README's example works as it stands", { ...guard, skip }, async () => {
  assert.match(await runReadmeExample("kafka"), /^\{"topic":"greetings","partition":\d+,"offset":\d+/);
});
