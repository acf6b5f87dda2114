import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

/** As the fixture tells it at a step. */
const usageAt = (step: number) => ({
  cpuTimeMs: step,
  peakMemoryBytes: step * 1024,
  source: "sampled",
  memoryBytes: step * 1024,
  processes: 1,
  readBytes: undefined,
  writtenBytes: undefined,
});

describe("the usage of a running execution", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["beater"], settings: { usageIntervalMs: 1 } });
  });
  after(() => host[Symbol.asyncDispose]());

  test("is told to watchers, and the newest is there at any time", guard, async () => {
    const config = { times: "1", end: "hang" };
    const stream = host.client.execute({ id: "watched", executor: "beater", config });
    const seen = await until(stream, (event) => event.type === "usage");
    const told = seen.at(-1);
    assert(told?.type === "usage");
    assert.deepEqual(told.usage, usageAt(1));
    assert.equal(told.attempt, 1);
    assert.deepEqual((await host.client.get("watched")).attempts[0]?.usage, usageAt(1));
    await host.client.cancel("watched");
    await Array.fromAsync(stream);
    await host.restart();
    assert.deepEqual((await host.client.get("watched")).attempts[0]?.usage, usageAt(1), "also after its end");
  });

  test("fills no log: of many changes a few are told, and the last one is not lost", guard, async () => {
    const config = { times: "300", end: "hang" };
    const stream = host.client.execute({ id: "busy", executor: "beater", config });
    const seen = await until(stream, (event) => event.type === "usage" && event.usage.cpuTimeMs === 300);
    assert(seen.filter((event) => event.type === "usage").length < 100);
    await host.client.cancel("busy");
    await Array.fromAsync(stream);
  });

  test("is not told where the host is not to", guard, async () => {
    await using quiet = await TestHost.start({ executors: ["beater"], settings: { usageIntervalMs: 0 } });
    const run = await collect(quiet.client.execute({ id: "quiet", executor: "beater", config: { times: "1" } }));
    assert(!run.events.some((event) => event.type === "usage"));
    assert.deepEqual((await quiet.client.get("quiet")).attempts[0]?.usage, usageAt(1), "it is known all the same");
  });
});
