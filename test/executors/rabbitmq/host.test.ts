import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { TestHost } from "../../support/test-host.ts";
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
