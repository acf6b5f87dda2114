import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestHost } from "../../support/test-host.ts";
import { PubSubReader } from "./reader.ts";

const pubsub = service("gcppubsub");

describe("a Pub/Sub job through the host", { ...guard, skip: pubsub.skip || skipUnlessBuilt("gcppubsub") }, () => {
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
