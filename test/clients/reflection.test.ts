import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";
import { dynamic, ReflectionClient } from "./reflection-client.ts";

describe("a client that knows no .proto file", guard, () => {
  let host: TestHost;
  let reflection: ReflectionClient;
  before(async () => {
    host = await TestHost.start({ executors: ["echo"] });
    reflection = new ReflectionClient(host.host.addresses[0] ?? "");
  });
  after(async () => {
    reflection[Symbol.dispose]();
    await host[Symbol.asyncDispose]();
  });

  test("is told which services there are", guard, async () => {
    const services = await reflection.services();
    for (const service of ["host.v1.HostService", "grpc.health.v1.Health"]) assert(services.includes(service), service);
  });

  test("runs a job by what the host says of itself", guard, async () => {
    const client = await reflection.client("host.v1.HostService");
    const events = await new Promise<{ kind: string; result?: { outcome: string }; output?: { data: Buffer } }[]>(
      (resolve, reject) => {
        const all: { kind: string }[] = [];
        // The library of this client sees a map as what it is on the wire: entries.
        const config = [{ key: "text", value: "hello" }];
        const call = dynamic(client)["Execute"]?.({ spec: { executor: "echo", config } });
        call?.on("data", (response: { events: { kind: string }[] }) => all.push(...response.events));
        call?.on("error", reject);
        call?.on("end", () => resolve(all));
      },
    );
    client.close();
    assert.equal(events.find(({ kind }) => kind === "output")?.output?.data.toString(), "hello");
    assert.equal(events.at(-1)?.result?.outcome, "OUTCOME_SUCCEEDED");
  });

  test("asks for the host's health", guard, async () => {
    const client = await reflection.client("grpc.health.v1.Health");
    const check = (service: string) =>
      new Promise<string>((resolve, reject) => {
        dynamic(client)["Check"]?.({ service }, (error: Error | null, response?: { status: string }) =>
          error === null ? resolve(response?.status ?? "") : reject(error),
        );
      });
    assert.equal(await check(""), "SERVING");
    assert.equal(await check("host.v1.HostService"), "SERVING");
    assert.equal(await check("executor/echo"), "SERVING");
    await assert.rejects(check("executor/nobody"), { code: 5 });
    client.close();
  });
});
