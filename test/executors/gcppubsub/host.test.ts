import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";
import { assertCrashLeavesEffectOpen, assertTakesMoreTime, type HeldJob } from "../support/held-job.ts";
import { runManyAtOnce, runWithFile } from "../support/many-jobs.ts";
import { runReadmeExample } from "../support/readme-example.ts";
import { PubSubReader } from "./reader.ts";

const pubsub = service("gcppubsub");
const skip = pubsub.skip || skipUnlessBuilt("gcppubsub");

describe("a Pub/Sub job through the host", { ...guard, skip }, () => {
  test("reaches a subscriber, and its result carries the message's id", guard, async () => {
    using reader = new PubSubReader(pubsub.endpoint("emulator"));
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    const { topic, received } = await reader.topic();
    const config = { emulator: pubsub.endpoint("emulator"), project: "test-project", topic, data: "aGk=" };
    const events = await Array.fromAsync(
      host.client.execute({
        executor: "gcppubsub",
        config,
        traceContext: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
      }),
    );
    const last = events.at(-1);
    assert(last?.type === "result");
    assert.equal(last.result.outcome, "SUCCEEDED", last.result.message);
    const [message] = await received(1);
    assert.equal(message?.data.toString(), "hi");
    assert.deepEqual(last.result.evidence?.["messageIds"], [message?.id]);
    assert.match(message?.attributes["traceparent"] ?? "", /^00-/);
  });
});

describe("a Pub/Sub job whose answer is held back", { ...guard, skip }, () => {
  async function held(): Promise<HeldJob & AsyncDisposable> {
    const reader = new PubSubReader(pubsub.endpoint("emulator"));
    const proxy = await TcpProxy.start(pubsub.endpoint("emulator"));
    const { topic, received } = await reader.topic();
    const seen = new Set<string>();
    return {
      executor: "gcppubsub",
      config: { emulator: proxy.address, project: "test-project", topic, data: "aGk=" },
      proxy,
      arrived: async () => {
        for (const { id } of await received(0)) seen.add(id);
        return seen.size;
      },
      [Symbol.asyncDispose]: async () => {
        reader[Symbol.dispose]();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  test("leaves the effect open when its executor is killed", guard, async () => {
    await using job = await held();
    await assertCrashLeavesEffectOpen(job);
  });

  test("can be given more time", guard, async () => {
    await using job = await held();
    await assertTakesMoreTime(job);
  });
});

test("Pub/Sub jobs that come all at once find the way together", { ...guard, skip }, async () => {
  using reader = new PubSubReader(pubsub.endpoint("emulator"));
  const { topic, received } = await reader.topic();
  const config = { emulator: pubsub.endpoint("emulator"), project: "test-project", topic };
  await runManyAtOnce("gcppubsub", (index) => ({ ...config, data_text: `${index}` }));
  const read = (await received(64)).map(({ data }) => Number(data.toString()));
  assert.deepEqual(
    read.toSorted((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
});

test("ten thousand messages from a file each get an id", { ...guard, skip }, async () => {
  using reader = new PubSubReader(pubsub.endpoint("emulator"));
  const { topic } = await reader.topic();
  const config = { emulator: pubsub.endpoint("emulator"), project: "test-project", topic };
  // More than one request takes, by their number and by their bytes.
  const run = await runWithFile(
    "gcppubsub",
    Array.from({ length: 10_000 }, (_, index) => JSON.stringify({ data_text: `${index} ü ${"x".repeat(5_000)}` })),
    (path) => ({ ...config, messages_file: path, timeout: "60s" }),
  );
  assert.equal(run.result.outcome, "SUCCEEDED", run.result.message);
  const ids = run.stdout.toString().trimEnd().split("\n");
  assert.equal(new Set(ids).size, 10_000);
});

test("the README's example works as it stands", { ...guard, skip }, async () => {
  assert.match(await runReadmeExample("gcppubsub"), /^m?\d+\n$/);
});
