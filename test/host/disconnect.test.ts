import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { HostClient } from "../../host/client/client.ts";
import type { EventStream } from "../../host/client/event-stream.ts";
import type { Event, ExecutionRequest } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { Proxy } from "../support/proxy.ts";
import { TestHost } from "../support/test-host.ts";

const ways = ["by ending its call", "with its connection"] as const;

/** A caller with a connection of its own, which follows an execution for a while and then leaves. */
async function visit(
  host: TestHost,
  way: (typeof ways)[number],
  start: (client: HostClient) => EventStream,
  until_: (event: Event) => boolean,
): Promise<void> {
  await using proxy = await Proxy.start(host.path("proxy.sock"), host.host.addresses[0] ?? "");
  await using client = await HostClient.connect(proxy.address);
  const stream = start(client);
  await until(stream, until_);
  if (way === "by ending its call") {
    await stream.return();
    return;
  }
  proxy.cut();
  await assert.rejects(Array.fromAsync(stream), { code: "HOST_UNREACHABLE" });
}

const isStarted = (event: Event): boolean => event.type === "started";

describe("a caller that leaves", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["gate", "sleeper"] });
  });
  after(() => host[Symbol.asyncDispose]());

  for (const way of ways) {
    test(`${way} leaves its execution running`, guard, async () => {
      const id = `left ${way}`.replaceAll(" ", "-");
      const request: ExecutionRequest = { id, executor: "gate", config: { file: host.path(id) } };
      await visit(host, way, (client) => client.execute(request), isStarted);
      assert.equal((await host.client.get(id)).state, "RUNNING");
      writeFileSync(host.path(id), "");
      assert.equal((await collect(host.client.watch(id))).result.outcome, "SUCCEEDED");
    });

    test(`${way} takes its execution along if it said so before, and nobody else's`, guard, async () => {
      const id = `gone ${way}`.replaceAll(" ", "-");
      const other = { id: `other-${id}`, executor: "gate", config: { file: host.path(id) } };
      await host.client.submit(other);
      const sleeping = (event: Event): boolean => event.type === "output";
      await visit(
        host,
        way,
        (client) => client.execute({ id, executor: "sleeper" }, { cancelOnDisconnect: true }),
        sleeping,
      );
      const run = await collect(host.client.watch(id));
      assert.deepEqual([run.result.outcome, run.result.message], ["CANCELLED", "cancelled: the caller is gone"]);
      assert.equal(run.stdout.toString(), "sleeping\nwaking\n");
      writeFileSync(host.path(id), "");
      assert.equal((await collect(host.client.watch(other.id))).result.outcome, "SUCCEEDED");
    });

    test(`${way} disturbs nobody when it only watched`, guard, async () => {
      const id = `watched ${way}`.replaceAll(" ", "-");
      await host.client.submit({ id, executor: "gate", config: { file: host.path(id) } });
      for (let watcher = 0; watcher < 3; watcher++) await visit(host, way, (client) => client.watch(id), isStarted);
      assert.equal((await host.client.get(id)).state, "RUNNING");
      writeFileSync(host.path(id), "");
      assert.equal((await collect(host.client.watch(id))).result.outcome, "SUCCEEDED");
    });
  }

  test("takes its execution along also while that is waiting for a slot", guard, async () => {
    await using narrow = await TestHost.start({ executors: ["gate"], settings: { maxConcurrentExecutions: 1 } });
    const request = { executor: "gate", config: { file: narrow.path("open") } };
    await narrow.client.submit({ ...request, id: "first" });
    const stream = narrow.client.execute({ ...request, id: "second" }, { cancelOnDisconnect: true });
    await until(stream, (event) => event.type === "state");
    await stream.return();
    const run = await collect(narrow.client.watch("second"));
    assert.deepEqual([run.result.outcome, run.result.effect], ["CANCELLED", "NONE"]);
    writeFileSync(narrow.path("open"), "");
    assert.equal((await collect(narrow.client.watch("first"))).result.outcome, "SUCCEEDED");
  });

  test("after the result changes nothing", guard, async () => {
    const file = host.path("open");
    writeFileSync(file, "");
    await using proxy = await Proxy.start(host.path("proxy.sock"), host.host.addresses[0] ?? "");
    await using client = await HostClient.connect(proxy.address);
    const run = client.execute({ id: "done", executor: "gate", config: { file } }, { cancelOnDisconnect: true });
    assert.equal((await collect(run)).result.outcome, "SUCCEEDED");
    proxy.cut();
    assert.equal((await host.client.get("done")).result?.outcome, "SUCCEEDED");
  });
});
