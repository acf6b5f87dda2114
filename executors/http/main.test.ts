import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";

import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 120_000 };
const main = join(import.meta.dirname, "main.ts");

const echo = () => TestServer.start((request, response) => response.end(`${request.method} ${request.body}`));

test("the executor serves a host by the native contract", guard, async () => {
  await using server = await echo();
  await using executor = await launchExecutor(main);
  const { name, capabilities, configSchema } = await executor.describe();
  assert.equal(name, "http");
  assert.equal(capabilities.cancel, true);
  assert.equal(capabilities.probe, true);
  const { properties, required } = configSchema as {
    properties: Record<string, { writeOnly?: boolean }>;
    required: string[];
  };
  assert.deepEqual(required, ["method", "url"]);
  for (const key of [
    "headers",
    "password",
    "token",
    "oauth2_client_secret",
    "tls_certificate_key",
    "tls_key_passphrase",
    "proxy",
  ]) {
    assert.equal(properties[key]?.writeOnly, true, `${key} is a secret`);
  }
  const run = await executor.execute({ method: "POST", url: server.url, body: "native" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "POST native");
  assert.equal(run.report.evidence?.["status"], 200);
  assert.deepEqual(await executor.validate({ method: "GET", url: "nowhere" }), [
    { field: "url", message: "is not an absolute URL", hint: "such as https://api.example.test/run" },
  ]);
  assert.equal((await executor.probe({ method: "GET", url: server.url })).ok, true);
});

test("the executor stops a request when the host cancels it, and goes on serving", guard, async () => {
  await using server = await TestServer.start((request, response) => {
    if (request.url !== "/hang") response.end("ok");
  });
  await using executor = await launchExecutor(main);
  const started = executor.start({ method: "GET", url: `${server.url}/hang` });
  await server.waitUntil(() => server.requests.length === 1);
  started.cancel({ reason: "enough" });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.message, "stopped during the request: enough");
  assert.equal((await executor.execute({ method: "GET", url: server.url })).report.outcome, "SUCCEEDED");
});

test("the executor serves Dkron by its own contract", guard, async () => {
  await using server = await TestServer.start((request, response) =>
    response.writeHead(request.url === "/500" ? 500 : 200).end("the body"),
  );
  await using executor = await launchForDkron(main);
  const good = await executor.execute({ method: "GET", url: server.url, expectCode: "200" });
  assert.equal(good.error, "");
  assert.equal(good.output.toString(), "the body");
  const bad = await executor.execute({ method: "GET", url: `${server.url}/500`, unknown: "x" });
  assert.equal(bad.error, "status 500, expected 200-299");
  assert.match(bad.output.toString(), /unknown is not a known key and was ignored.*\n[^]*the body$/);
});
