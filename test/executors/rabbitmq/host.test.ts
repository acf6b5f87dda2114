import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect } from "amqplib";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";
import { assertCrashLeavesEffectOpen, assertTakesMoreTime, type HeldJob } from "../support/held-job.ts";
import { runManyAtOnce, runWithFile } from "../support/many-jobs.ts";
import { runReadmeExample } from "../support/readme-example.ts";
import { manage, rabbitmq, readQueue, url } from "./broker.ts";

const skip = rabbitmq.skip || skipUnlessBuilt("rabbitmq");

test("a host runs rabbitmq jobs side by side, and hands their evidence on", { ...guard, skip }, async () => {
  const queue = `host-${randomUUID()}`;
  const config = { url: url(), "queue.name": queue, "queue.create": "true" };
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  assert.equal((await host.client.probe("rabbitmq", config)).ok, true);
  const values = ["1", "2", "3", "4", "5", "6", "7", "8", "x".repeat(1_000_000)];
  const runs = await Promise.all(
    values.map((body) =>
      collect(host.client.execute({ executor: "rabbitmq", config: { ...config, "message.body": body } })),
    ),
  );
  for (const { result } of runs) {
    assert.deepEqual([result.outcome, result.effect], ["SUCCEEDED", "HAPPENED"]);
    assert.equal(result.evidence?.["published"], 1);
  }
  const read = await readQueue(queue);
  assert.deepEqual(new Set(read.map(({ payload }) => payload.toString())), new Set(values));
  assert.equal(read.length, values.length);
  await manage("DELETE", `/queues/%2F/${queue}`);
  const lost = await collect(
    host.client.execute({ executor: "rabbitmq", config: { url: url(), "queue.name": "nowhere" } }),
  );
  const { outcome, code, retryability, effect } = lost.result;
  assert.deepEqual([outcome, code, retryability, effect], ["FAILED", "UNROUTABLE", "PERMANENT", "NONE"]);
});

async function held(): Promise<HeldJob & AsyncDisposable> {
  const queue = `held-${randomUUID()}`;
  await manage("PUT", `/queues/%2F/${queue}`, { durable: true });
  const proxy = await TcpProxy.start(rabbitmq.endpoint("amqp"));
  // The management's figures come late.
  const observer = await connect(url());
  const channel = await observer.createChannel();
  return {
    executor: "rabbitmq",
    config: { url: url().replace(rabbitmq.endpoint("amqp"), proxy.address), "queue.name": queue, "message.body": "x" },
    proxy,
    arrived: async () => (await channel.checkQueue(queue)).messageCount,
    [Symbol.asyncDispose]: async () => {
      await observer.close();
      await proxy[Symbol.asyncDispose]();
      await manage("DELETE", `/queues/%2F/${queue}`);
    },
  };
}

test("an executor that is killed before the confirmation leaves the effect open", { ...guard, skip }, async () => {
  await using job = await held();
  await assertCrashLeavesEffectOpen(job);
});

test("a rabbitmq job that waits for its broker can be given more time", { ...guard, skip }, async () => {
  await using job = await held();
  await assertTakesMoreTime(job);
});

test("rabbitmq jobs that come all at once find the way together", { ...guard, skip }, async () => {
  const queue = `at-once-${randomUUID()}`;
  const config = { url: url(), "queue.name": queue, "queue.create": "true" };
  await runManyAtOnce("rabbitmq", (index) => ({ ...config, "message.body": `${index}` }));
  const read = (await readQueue(queue)).map(({ payload }) => Number(payload));
  assert.deepEqual(
    read.toSorted((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
  await manage("DELETE", `/queues/%2F/${queue}`);
});

test("ten thousand messages from a file are each confirmed", { ...guard, skip }, async () => {
  const queue = `many-${randomUUID()}`;
  const config = { url: url(), "queue.name": queue, "queue.create": "true", in_flight: "200" };
  const bodies = Array.from({ length: 10_000 }, (_, index) => `${index} ü ✓`);
  const run = await runWithFile(
    "rabbitmq",
    bodies.map((body) => JSON.stringify({ body })),
    (path) => ({ ...config, messages_file: path }),
  );
  assert.deepEqual([run.result.outcome, run.result.evidence?.["published"]], ["SUCCEEDED", 10_000], run.result.message);
  assert.deepEqual(
    (await readQueue(queue)).map(({ payload }) => payload.toString()),
    bodies,
  );
  await manage("DELETE", `/queues/%2F/${queue}`);
});

test("the README's example works as it stands", { ...guard, skip }, async () => {
  assert.match(await runReadmeExample("rabbitmq"), /"routingKey":"greetings".*"confirmed":true/);
});
