import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { connect } from "nats";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestHost } from "../../support/test-host.ts";

const nats = service("nats");

describe("a job for NATS through the host", { ...guard, skip: nats.skip || skipUnlessBuilt("nats") }, () => {
  test("reaches a subscriber, and its result carries the evidence", guard, async () => {
    const reader = await connect({ servers: nats.endpoint("plain") });
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    const stream = `H${randomUUID().replaceAll("-", "")}`;
    const manager = await reader.jetstreamManager();
    await manager.streams.add({ name: stream, subjects: [`${stream}.*`] });
    const config = { url: nats.endpoint("plain"), subject: `${stream}.a`, message: "through the host" };
    const events = await Array.fromAsync(
      host.client.execute({
        executor: "nats",
        id: "job-1",
        config,
        traceContext: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
      }),
    );
    const last = events.at(-1);
    assert(last?.type === "result");
    assert.equal(last.result.outcome, "SUCCEEDED");
    assert.deepEqual([last.result.evidence?.["stream"], last.result.evidence?.["sequence"]], [stream, 1]);
    const stored = await manager.streams.getMessage(stream, { seq: 1 });
    assert.equal(stored.string(), "through the host");
    assert.equal(stored.header.get("Nats-Msg-Id"), "job-1");
    assert.match(stored.header.get("traceparent"), /^00-/);
    await reader.close();
  });
});
