import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { runConformance, type ConformanceReport } from "../../host/conformance/conformance.ts";
import type { ConformanceOptions } from "../../host/conformance/options.ts";
import { guard } from "../support/guard.ts";
import { PluginsDir } from "../support/plugins.ts";
import { TempDir } from "../support/temp-dir.ts";

const plugins = join(import.meta.dirname, "../../dist/plugins");
const dkronFixture = join(import.meta.dirname, "../fixtures/dkron-executor.ts");

/** An executor's own environment, as a host would give it. */
const surroundings = { environment: process.env, allowedEnvironment: ["PATH", "HOME", "TMPDIR"] };

/** Nothing of these goes on without its executor. */
const again = ["again.ended", "again.running", "again.attempt"];

test("the shell executor conforms", guard, async () => {
  const report = await runConformance({
    path: join(plugins, "dkron-executor-shell"),
    config: { command: "echo hello" },
    longConfig: { command: "sleep 600" },
    floodConfig: { command: "head -c 20000000 /dev/zero" },
    heartbeatConfig: { shell: "true", command: 'while sleep 0.1; do touch "$EXECUTION_HEARTBEAT_FILE"; done' },
    ...surroundings,
  });
  const skipped = ["validate.required", "validate.secrets", "request.secrets", "request.attach", ...again];
  assertConforms(report, ["native", "dkron"], skipped);
});

test("the http executor conforms", guard, async () => {
  await using server = await serve();
  const report = await runConformance({
    path: join(plugins, "dkron-executor-http"),
    config: { method: "GET", url: `${server.url}/` },
    longConfig: { method: "GET", url: `${server.url}/long`, timeout: "0" },
    floodConfig: { method: "GET", url: `${server.url}/flood`, max_body_bytes: "100MB" },
    ...surroundings,
  });
  assertConforms(report, ["native", "dkron"], ["request.attach", "life.beats", ...again]);
});

test("an executor that knows only Dkron's contract is tried by that", guard, async () => {
  await using dir = await TempDir.create();
  const installed = await PluginsDir.create(dir.join("plugins"));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${dkronFixture}' types\n`;
  const { contracts, results } = await runConformance({
    path: await installed.script("old", script),
    config: {},
    ...surroundings,
  });
  assert.deepEqual(contracts, ["dkron"]);
  const failed = results.filter((result) => result.status === "failed");
  assert.deepEqual(
    failed.map(({ id, reason }) => [id, reason]),
    [["start.cookie", "started without a magic cookie, it printed a stack trace"]],
  );
  const status = Object.fromEntries(results.map((result) => [result.id, result.status]));
  assert.equal(status["dkron.names"], "warned", "it goes by one name");
  assert.equal(status["dkron.result"], "passed");
  assert.equal(status["execute.started"], "skipped");
});

test("the sample is made of the schema's examples where they suffice", guard, async () => {
  const { results } = await check({ path: join(plugins, "dkron-executor-http"), only: ["validate.sample"] });
  assert.deepEqual(
    results.map(({ status }) => status),
    ["passed"],
  );
  const shell = await check({ path: join(plugins, "dkron-executor-shell"), only: ["validate.sample"] });
  assert.match(shell.results[0]?.reason ?? "", /^needs --config: /);
});

test("a check that is not there, and a file that cannot run, are refused before anything starts", guard, async () => {
  const path = join(plugins, "dkron-executor-shell");
  await assert.rejects(check({ path, only: ["excute"] }), { code: "SPEC_INVALID", hint: "did you mean execute?" });
  await assert.rejects(check({ path: `${path}-not` }), { code: "SPEC_INVALID" });
  await assert.rejects(check({ path: import.meta.filename }), { code: "SPEC_INVALID" });
});

test("a file that no machine like this can run is told why, once", guard, async () => {
  await using dir = await TempDir.create();
  const installed = await PluginsDir.create(dir.join("plugins"));
  const python = await installed.script("old", "#!/usr/bin/python9\n");
  await assert.rejects(check({ path: python }), {
    code: "SPEC_INVALID",
    message: `cannot run ${python}: the script's interpreter /usr/bin/python9 is not here or may not be executed`,
  });
  const text = await installed.script("text", "hello\n");
  await assert.rejects(check({ path: text }), { message: /neither a program of a known format nor a script/ });
});

test("a run that is given up leaves nothing behind", guard, async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const options = { path: join(plugins, "dkron-executor-shell"), signal: controller.signal, ...surroundings };
  const run = runConformance(options, ({ id }) => {
    if (id === "start.line") controller.abort(reason);
  });
  await assert.rejects(run, reason);
});

function check(options: Pick<ConformanceOptions, "path" | "only">): Promise<ConformanceReport> {
  return runConformance({ ...options, ...surroundings });
}

function assertConforms(report: ConformanceReport, contracts: readonly string[], skipped: readonly string[]): void {
  const { results } = report;
  const odd = results.filter(({ status }) => status === "failed" || status === "warned");
  assert.deepEqual(
    odd.map(({ id, reason }) => `${id}: ${reason}`),
    [],
  );
  assert.deepEqual(
    results.filter(({ status }) => status === "skipped").map(({ id }) => id),
    skipped,
  );
  assert.deepEqual(report.contracts, contracts);
}

/** A server that answers at once, never, or with twenty megabytes. */
async function serve(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    if (request.url === "/long") response.writeHead(200).flushHeaders();
    else response.end(request.url === "/flood" ? Buffer.alloc(20_000_000, "x") : "hello\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
