import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TestHost } from "../../support/test-host.ts";

const grpc = service("grpc");

describe("a gRPC job through the host", { ...guard, skip: grpc.skip || skipUnlessBuilt("grpc") }, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  });
  after(() => host[Symbol.asyncDispose]());

  async function run(config: Record<string, string>) {
    const events = await Array.fromAsync(
      host.client.execute({
        executor: "grpc",
        config,
        traceContext: { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
      }),
    );
    const last = events.at(-1);
    assert(last?.type === "result");
    const output = Buffer.concat(events.flatMap((event) => (event.type === "output" ? [event.data] : [])));
    return { result: last.result, output: output.toString() };
  }

  test("has the response as its output, and the status as evidence", guard, async () => {
    const url = `${grpc.endpoint("plain")}/test.v1.Peer/Echo`;
    const { result, output } = await run({ url, body: '{"text":"through the host"}' });
    assert.equal(result.outcome, "SUCCEEDED", result.message);
    const { text, metadata } = JSON.parse(output) as { text: string; metadata: Record<string, string> };
    assert.equal(text, "through the host");
    assert.match(metadata["traceparent"] ?? "", /^00-/);
    const status = result.evidence?.["status"] as { readonly name: string };
    assert.equal(status.name, "OK");
  });

  test("finds its types by reflection of a server on Node, which leaves out imports", guard, async () => {
    await using other = await TestHost.start({ settings: { listen: ["tcp:127.0.0.1:0"] } });
    const address = other.host.addresses[0]?.replace("tcp:", "") ?? "";
    const { result, output } = await run({ url: `${address}/host.v1.HostService/List`, body: '{"page_size":7}' });
    assert.equal(result.outcome, "SUCCEEDED", result.message);
    assert.deepEqual(JSON.parse(output), {});
  });

  test("finds its types in .proto files from a bundle as well", guard, async () => {
    const config = { proto_files: "peer.proto", proto_paths: join(import.meta.dirname, "server") };
    const { result, output } = await run({
      url: `${grpc.endpoint("bare")}/test.v1.Peer/Echo`,
      body: '{"text":"x"}',
      ...config,
    });
    assert.equal(result.outcome, "SUCCEEDED", result.message);
    assert.match(output, /"text":"x"/);
  });
});
