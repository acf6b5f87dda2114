import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createKafkaExecutor } from "../../../executors/kafka/definition.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestExecutor } from "../../support/executor.ts";

const kafka = service("kafka");

describe("a connection that nobody uses", { ...guard, skip: kafka.skip }, () => {
  test("lets the process rest", guard, async () => {
    await using executor = new TestExecutor(createKafkaExecutor(), {
      brokerAddress: kafka.endpoint("broker"),
      topic: `idle-${randomUUID()}`,
      create_topic: "true",
    });
    const run = await executor.run({ message: "tick" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    const before = performance.nodeTiming.uvMetricsInfo.loopCount;
    await sleep(500);
    const turns = performance.nodeTiming.uvMetricsInfo.loopCount - before;
    // A timer that fires each millisecond makes hundreds; those that watch over the connection fire ten times a second.
    assert(turns < 100, `${turns} turns of the event loop in half a second`);
  });
});
