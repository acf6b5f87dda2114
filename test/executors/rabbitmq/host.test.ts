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
