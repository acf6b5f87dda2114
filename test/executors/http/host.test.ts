import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collected, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { TestHost } from "../../support/test-host.ts";

/** A server that answers when it is told to. */
async function reluctant() {
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => void waiting.push(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: () => eventually("it is asked", () => waiting.length > 0),
    answer: () => waiting[0]?.end("late"),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("an HTTP job through the host whose answer is late", { ...guard, skip: skipUnlessBuilt("http") }, () => {
  test("can be given more time", guard, async () => {
    await using server = await reluctant();
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    const attemptTimeoutMs = 1_500;
    const config = { method: "POST", url: server.url };
    const stream = host.client.execute({ id: "longer", executor: "http", config, limits: { attemptTimeoutMs } });
    const seen = await until(stream, (event) => event.type === "started");
    const { warnings } = await host.client.changeLimits("longer", {}, { lift: ["attempt_timeout"] });
    assert.deepEqual(warnings, []);
    await sleep(attemptTimeoutMs);
    assert.equal((await host.client.get("longer")).state, "RUNNING");
    server.answer();
    const { result, stdout } = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.deepEqual([result.outcome, stdout.toString()], ["SUCCEEDED", "late"]);
  });

  test("leaves the effect open when its executor is killed, and is not asked for again", guard, async () => {
    await using server = await reluctant();
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    const config = { method: "POST", url: server.url };
    const stream = host.client.execute({ executor: "http", config, retry: { maxAttempts: 3 } });
    const seen = await until(stream, (event) => event.type === "started");
    await server.asked();
    const { executors } = await host.client.listExecutors();
    process.kill(executors.find(({ name }) => name === "http")?.processes[0]?.pid ?? 0, "SIGKILL");
    const { result, events } = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.deepEqual([result.outcome, result.effect], ["EXECUTOR_CRASHED", "UNKNOWN"]);
    assert.equal(events.filter(({ type }) => type === "started").length, 1);
  });
});
