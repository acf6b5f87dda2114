import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect, collected, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { service } from "../../support/services.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";
import { runManyAtOnce, runWithFile } from "../support/many-jobs.ts";
import { runReadmeExample } from "../support/readme-example.ts";

const grpc = service("grpc");
const skip = grpc.skip || skipUnlessBuilt("grpc");

describe("a gRPC job through the host", { ...guard, skip }, () => {
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

describe("a gRPC call through the host that takes long", { ...guard, skip }, () => {
  const attemptTimeoutMs = 1_500;

  /** How many calls of Hang the server has begun. */
  async function begun(host: TestHost): Promise<number> {
    const config = { url: `${grpc.endpoint("plain")}/test.v1.Peer/Hangs`, output_defaults: "true" };
    const { stdout } = await collect(host.client.execute({ executor: "grpc", config }));
    return Number((JSON.parse(stdout.toString()) as { readonly started: string }).started);
  }

  test("can be given more time as long as its server was not told of the deadline", guard, async () => {
    await using proxy = await TcpProxy.start(grpc.endpoint("plain"));
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    proxy.hold();
    const config = { url: `${proxy.address}/test.v1.Peer/Echo`, body: '{"text":"late"}' };
    const stream = host.client.execute({ id: "longer", executor: "grpc", config, limits: { attemptTimeoutMs } });
    const seen = await until(stream, (event) => event.type === "started");
    const { warnings } = await host.client.changeLimits("longer", { attemptTimeoutMs: 600_000 });
    assert.deepEqual(warnings, []);
    await sleep(attemptTimeoutMs);
    assert.equal((await host.client.get("longer")).state, "RUNNING");
    proxy.release();
    const { result } = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.equal(result.outcome, "SUCCEEDED", result.message);
  });

  test(
    "ends at the deadline that its server was told of, and whoever gives it more time is warned",
    guard,
    async () => {
      await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
      const earlier = await begun(host);
      const config = { url: `${grpc.endpoint("plain")}/test.v1.Peer/Hang` };
      const stream = host.client.execute({ id: "told", executor: "grpc", config, limits: { attemptTimeoutMs } });
      await eventually("the server works on it", async () => (await begun(host)) > earlier);
      const { warnings } = await host.client.changeLimits("told", { attemptTimeoutMs: 600_000 });
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? "", /was told to be done by .*, and may still end the work then/);
      const { result } = await collect(stream);
      assert.deepEqual([result.outcome, result.code], ["TIMED_OUT", "TIMEOUT_TOTAL"]);
    },
  );

  test("leaves the effect open when its executor is killed, and is not made again", guard, async () => {
    await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
    const earlier = await begun(host);
    const config = { url: `${grpc.endpoint("plain")}/test.v1.Peer/Hang` };
    const stream = host.client.execute({ executor: "grpc", config, retry: { maxAttempts: 3 } });
    const seen = await until(stream, (event) => event.type === "started");
    await eventually("the server works on it", async () => (await begun(host)) === earlier + 1);
    const { executors } = await host.client.listExecutors();
    process.kill(executors.find(({ name }) => name === "grpc")?.processes[0]?.pid ?? 0, "SIGKILL");
    const { result } = collected([...seen, ...(await Array.fromAsync(stream))]);
    assert.deepEqual([result.outcome, result.effect], ["EXECUTOR_CRASHED", "UNKNOWN"]);
    assert.equal(await begun(host), earlier + 1);
  });
});

test("gRPC calls that come all at once find the way together", { ...guard, skip }, async () => {
  const url = `${grpc.endpoint("plain")}/test.v1.Peer/Echo`;
  await runManyAtOnce("grpc", (index) => ({ url, body: `{"text":"${index}"}`, expect_message: `{"text":"${index}"}` }));
});

test("ten thousand messages from a file go both ways", { ...guard, skip }, async () => {
  const texts = Array.from({ length: 10_000 }, (_, index) => `${index} ü ✓`);
  const run = await runWithFile(
    "grpc",
    texts.map((text) => JSON.stringify({ text })),
    (path) => ({ url: `${grpc.endpoint("plain")}/test.v1.Peer/Chat`, body_file: path }),
  );
  assert.equal(run.result.outcome, "SUCCEEDED", run.result.message);
  const lines = run.stdout.toString().trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { readonly text: string }).text),
    texts,
  );
});

test("the README's example works as it stands", { ...guard, skip }, async () => {
  assert.match(await runReadmeExample("grpc"), /^\{"status":"SERVING"\}\n$/);
});
