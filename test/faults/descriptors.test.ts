import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { openDescriptors } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

describe("file descriptors", guard, () => {
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
