import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";
import { assertCrashLeavesEffectOpen, assertTakesMoreTime, type HeldJob } from "../support/held-job.ts";
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
