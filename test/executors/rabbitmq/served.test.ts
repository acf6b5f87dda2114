import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { describe, test } from "node:test";
import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";
import { guard } from "../../support/guard.ts";
import { manage, rabbitmq, readQueue, url } from "./broker.ts";

const main = join(import.meta.dirname, "../../../executors/rabbitmq/main.ts");

describe("the rabbitmq executor as a process", { ...guard, skip: rabbitmq.skip }, () => {
  test("serves a host by the native contract", guard, async () => {
    const queue = `served-${randomUUID()}`;
    const config = { url: url(), "queue.name": queue, "queue.create": "true", "message.body": "native" };
    await using executor = await launchExecutor(main);
    const { name, capabilities, configSchema } = await executor.describe();
    assert.deepEqual([name, capabilities.cancel, capabilities.probe], ["rabbitmq", true, true]);
    const { properties } = configSchema as { properties: Record<string, { writeOnly?: boolean }> };
    const secrets = Object.keys(properties).filter((key) => properties[key]?.writeOnly);
    assert.deepEqual(new Set(secrets), new Set(["url", "password", "tls_certificate_key", "tls_key_passphrase"]));
    assert.match((await executor.probe(config)).message, /^connected to 127\.0\.0\.1:\d+$/);
    const run = await executor.execute(config);
    assert.equal(run.report.outcome, "SUCCEEDED", run.report.message);
    const { "queue.create": _, ...existing } = config;
    const probe = await executor.probe(existing);
    assert.deepEqual([probe.ok, probe.details?.["messages"]], [true, 1]);
    assert.deepEqual(
      (await executor.validate({ ...config, "queue.nam": "x" })).map(({ field, hint }) => [field, hint]),
      [["queue.nam", "did you mean queue.name?"]],
    );
    assert.deepEqual(
      (await readQueue(queue)).map(({ payload }) => payload.toString()),
      ["native"],
    );
    await manage("DELETE", `/queues/%2F/${queue}`);
    const missing = await executor.probe(existing);
    assert.deepEqual([missing.ok, missing.code], [false, "QUEUE_NOT_FOUND"]);
    assert.equal(missing.message, `the broker refuses: no queue '${queue}' in vhost '/' (404)`);
  });

  test("serves Dkron by its own contract", guard, async () => {
    const queue = `served-${randomUUID()}`;
    await using executor = await launchForDkron(main);
    const job = {
      url: url(),
      "queue.name": queue,
      "queue.create": "true",
      "queue.durable": "true",
      "message.content_type": "application/json",
      "message.delivery_mode": "2",
      "message.body": '{"run":true}',
    };
    const good = await executor.execute(job);
    assert.equal(good.error, "");
    assert.match(good.output.toString(), /"confirmed":true/);
    const bad = await executor.execute({ ...job, "queue.name": "nowhere", "queue.create": "false", text: "ignored" });
    assert.match(bad.error, /no queue gets a message for .*NO_ROUTE \(312\)/);
    assert.match(bad.output.toString(), /text is not a known key and was ignored/);
    const [message] = await readQueue(queue);
    assert.deepEqual(
      [message?.payload.toString(), message?.properties["content_type"]],
      ['{"run":true}', "application/json"],
    );
    await manage("DELETE", `/queues/%2F/${queue}`);
  });
});
