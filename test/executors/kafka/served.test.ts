import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { describe, test } from "node:test";
import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { readTopic } from "./kcat.ts";

const kafka = service("kafka");
const main = join(import.meta.dirname, "../../../executors/kafka/main.ts");

describe("the kafka executor as a process", { ...guard, skip: kafka.skip }, () => {
  const config = (topic: string) => ({
    brokerAddress: kafka.endpoint("broker"),
    topic,
    create_topic: "true",
    create_topic_partitions: "1",
  });

  test("serves a host by the native contract", guard, async () => {
    const topic = `served-${randomUUID()}`;
    await using executor = await launchExecutor(main);
    const { name, capabilities, configSchema } = await executor.describe();
    assert.deepEqual([name, capabilities.cancel, capabilities.probe], ["kafka", true, true]);
    const { properties } = configSchema as { properties: Record<string, { writeOnly?: boolean }> };
    const secrets = Object.keys(properties).filter((key) => properties[key]?.writeOnly);
    assert.deepEqual(secrets.toSorted(), [
      "saslPassword",
      "sasl_client_secret",
      "sasl_token",
      "tls_certificate_key",
      "tls_key_passphrase",
    ]);
    const run = await executor.execute({ ...config(topic), message: "native" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.deepEqual(run.report.evidence?.["partitions"], [
      { partition: 0, records: 1, firstOffset: 0, lastOffset: 0 },
    ]);
    assert.equal((await executor.probe(config(topic))).ok, true);
    assert.deepEqual(
      (await executor.validate({ ...config(topic), mesage: "x" })).map(({ field, hint }) => [field, hint]),
      [["mesage", "did you mean message?"]],
    );
    assert.equal((await readTopic(kafka.endpoint("broker"), topic))[0]?.payload, "native");
    assert.deepEqual(
      executor.logs.filter(({ level }) => level === "error" || level === "warn"),
      [],
    );
  });

  test("serves Dkron by its own contract", guard, async () => {
    const topic = `served-${randomUUID()}`;
    await using executor = await launchForDkron(main);
    const good = await executor.execute({ ...config(topic), message: "from dkron", key: "" });
    assert.equal(good.error, "");
    assert.match(good.output.toString(), new RegExp(`"topic":"${topic}","partition":0,"offset":0`));
    const bad = await executor.execute({
      brokerAddress: kafka.endpoint("broker"),
      topic: "nowhere",
      brokers: "ignored",
    });
    assert.match(bad.error, /topic "nowhere": no such topic/);
    assert.match(bad.output.toString(), /brokers is not a known key and was ignored/);
    assert.deepEqual(
      (await readTopic(kafka.endpoint("broker"), topic)).map(({ key, payload }) => [key, payload]),
      [[null, "from dkron"]],
    );
  });
});
