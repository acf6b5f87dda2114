import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { openDescriptors } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

describe("file descriptors", guard, () => {
  test("that run out fail what needs them, and the host goes on when there are some again", guard, async () => {
    const limit = 100;
    await using host = await HostProcess.start({ executors: ["noop", "echo"], prelude: `ulimit -n ${limit}` });
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    const sockets: Socket[] = [];
    for (let index = 0; index < 150; index++) {
      const socket = connect(`${host.runtimeDir}/host.sock`);
      socket.on("error", () => undefined); // refused, as expected
      sockets.push(socket);
    }
    await eventually("they run out", () => openDescriptors(host.pid).length >= limit - 2);
    const failure = await host.client.submit({ executor: "echo" }).then(
      () => assert.fail("an executor was started"),
      (error: unknown) => error as Error & { code: string },
    );
    assert.equal(failure.code, "EXECUTOR_UNUSABLE");
    assert.match(failure.message, /EMFILE|too many open files/i);
    assert.equal(
      (await collect(host.client.execute({ executor: "noop" }))).result.outcome,
      "SUCCEEDED",
      "what needs none goes on",
    );
    for (const socket of sockets) socket.destroy();
    await eventually("the host has recovered", () =>
      collect(host.client.execute({ executor: "echo" })).then(
        ({ result }) => result.outcome === "SUCCEEDED",
        () => false,
      ),
    );
  });

  test("are all given back", guard, async () => {
    await using host = await TestHost.start({ executors: ["echo", "crasher", "exclusive"] });
    const file = host.path("open");
    writeFileSync(file, "");
    const turn = async () => {
      await collect(host.client.execute({ executor: "echo", config: { text: "x" } }));
      await collect(host.client.execute({ executor: "crasher", config: { when: "before-start" } }));
      await collect(host.client.execute({ executor: "exclusive", config: { file } }));
      const { executions } = await host.client.list({ pageSize: 3 });
      for (const { spec } of executions) await collect(host.client.watch(spec.id));
      const client = await host.connect();
      await client.list();
      await client[Symbol.asyncDispose]();
    };
    for (let warmUp = 0; warmUp < 2; warmUp++) await turn();
    const before = openDescriptors().length;
    for (let index = 0; index < 5; index++) await turn();
    await eventually(`no more than the ${before} there were`, () => openDescriptors().length <= before);
  });
});
