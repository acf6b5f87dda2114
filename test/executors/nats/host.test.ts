import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { connect } from "nats";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";
import { assertCrashLeavesEffectOpen, assertTakesMoreTime, type HeldJob } from "../support/held-job.ts";
import { runManyAtOnce } from "../support/many-jobs.ts";
import { runReadmeExample } from "../support/readme-example.ts";

const nats = service("nats");
const skip = nats.skip || skipUnlessBuilt("nats");

describe("a job for NATS through the host", { ...guard, skip }, () => {
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

for (const mode of ["core", "jetstream"]) {
  describe(`a job for NATS whose answer is held back (${mode})`, { ...guard, skip }, () => {
    async function held(): Promise<HeldJob & AsyncDisposable> {
      const reader = await connect({ servers: nats.endpoint("plain") });
      const proxy = await TcpProxy.start(nats.endpoint("plain"));
      const name = `HELD${randomUUID().replaceAll("-", "")}`;
      let received = 0;
      let asked = false;
      reader.subscribe(`${name}.ask`, { callback: () => void (asked = true) });
      reader.subscribe(name, { callback: () => void received++ });
      const manager = await reader.jetstreamManager();
      if (mode === "jetstream") await manager.streams.add({ name, subjects: [name] });
      return {
        executor: "nats",
        config: { url: proxy.address, subject: name, mode, message: "x" },
        proxy,
        arrived: async () => {
          await reader.flush();
          return mode === "jetstream" ? (await manager.streams.info(name)).state.messages : received;
        },
        occupy: async (client) => {
          const config = { url: proxy.address, subject: `${name}.ask`, mode: "request", timeout: "1m" };
          await client.submit({ executor: "nats", config });
          await eventually("it is asked", () => asked);
        },
        [Symbol.asyncDispose]: async () => {
          await reader.close();
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
}

test("jobs for NATS that come all at once find the way together", { ...guard, skip }, async () => {
  const reader = await connect({ servers: nats.endpoint("plain") });
  const subject = `at-once.${randomUUID()}`;
  const received: number[] = [];
  reader.subscribe(subject, { callback: (_, message) => void received.push(Number(message.string())) });
  await reader.flush();
  await runManyAtOnce("nats", (index) => ({ url: nats.endpoint("plain"), subject, message: `${index}` }));
  await eventually("all have come", () => received.length >= 64);
  assert.deepEqual(
    received.toSorted((a, b) => a - b),
    Array.from({ length: 64 }, (_, index) => index),
  );
  await reader.close();
});

test("the README's example works as it stands", { ...guard, skip }, async () => {
  assert.match(await runReadmeExample("nats"), /^published 5 bytes to greetings\n$/);
});
