import assert from "node:assert/strict";
import { test } from "node:test";

import type { ProbeReport } from "@executor-host/sdk";

import { createHttpExecutor } from "./definition.ts";
import { TestAuthority } from "./testing/certificates.ts";
import { TestProxy } from "./testing/proxy-server.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

async function probe(given: Record<string, string>): Promise<ProbeReport> {
  const definition = createHttpExecutor();
  const { value } = definition.config.parse({ method: "POST", ...given });
  assert.ok(value);
  const report = await definition.probe?.({ config: value, signal: new AbortController().signal });
  await definition.close?.();
  assert.ok(report);
  return report;
}

test("a probe connects, sends nothing, and leaves nothing open", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end());
  const report = await probe({ url: `${server.url}/run`, body: "x" });
  assert.equal(report.ok, true);
  assert.equal(report.message, `connected to 127.0.0.1:${server.port} (127.0.0.1:${server.port})`);
  await server.waitUntil(() => server.accepted === 1 && server.open === 0);
  assert.equal(server.requests.length, 0);
});

test("a probe tells what TLS brought to light", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server");
  await using server = await TestServer.start((_request, response) => response.end(), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  const report = await probe({ url: server.url, tlsRootCAsFile: authority.caFile });
  assert.match(report.message, / over TLSv1\.3, certificate of CN=server, O=Test until \d{4}-/);
  const distrusted = await probe({ url: server.url });
  assert.equal(distrusted.ok, false);
  assert.equal(distrusted.code, "TLS_FAILED");
});

test("a probe goes through the proxy", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end());
  await using proxy = await TestProxy.socks5();
  const report = await probe({ url: `http://api.example.test:${server.port}/`, proxy: proxy.url });
  assert.equal(report.ok, true);
  assert.match(report.message, /through proxy 127\.0\.0\.1:/);
});

test("a probe of what is not there says why", guard, async () => {
  assert.deepEqual(await probe({ url: "http://127.0.0.1:1/" }), {
    ok: false,
    message: "cannot connect to 127.0.0.1:1: connection refused",
    code: "CONNECTION_REFUSED",
    details: {},
  });
});
