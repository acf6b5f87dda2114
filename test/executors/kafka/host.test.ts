import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestHost } from "../../support/test-host.ts";
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
