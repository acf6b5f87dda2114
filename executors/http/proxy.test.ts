import assert from "node:assert/strict";
import { test } from "node:test";

import { TestAuthority } from "./testing/certificates.ts";
import { TestProxy } from "./testing/proxy-server.ts";
import { TestExecutor, evidence, violationOf } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

const target = () => TestServer.start((request, response) => response.end(request.url));

test("an http request goes through a proxy as a whole", guard, async () => {
  await using server = await target();
  await using proxy = await TestProxy.http();
  await using http = new TestExecutor();
  const url = `http://api.example.test:${server.port}/x?y=1`;
  const run = await http.run({ url, proxy: proxy.url });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "/x?y=1");
  assert.deepEqual(proxy.seen, [{ kind: "forward", target: url }]);
  assert.equal(server.last.headers.host, `api.example.test:${server.port}`);
  assert.equal(evidence(run, "remoteAddress"), `127.0.0.1:${proxy.port}`);
});

test("an https request goes through a tunnel, and TLS is with the target", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server", "DNS:api.example.test");
  await using server = await TestServer.start((request, response) => response.end(request.url), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  await using proxy = await TestProxy.http({ credentials: "ann:s3cret" });
  await using http = new TestExecutor();
  const config = { url: `https://api.example.test:${server.port}/x`, tlsRootCAsFile: authority.caFile };
  const run = await http.run({ ...config, proxy: proxy.urlWith("ann:s3cret") });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "/x");
  assert.deepEqual(proxy.seen, [{ kind: "tunnel", target: `api.example.test:${server.port}` }]);
  assert.equal(evidence(run, "tls", "subject"), "CN=server, O=Test");
  assert.equal(typeof evidence(run, "timings", "proxyMs"), "number");
  const denied = await http.run({ ...config, proxy: proxy.urlWith("ann:wr0ng") });
  assert.equal(denied.report.code, "PROXY_DENIED");
  assert.match(
    denied.report.message ?? "",
    /^proxy 127\.0\.0\.1:\d+ refused to connect to .*: status 407, expected 200$/,
  );
  assert.equal(denied.report.effect, "NONE");
  assert.ok(!JSON.stringify(denied.report).includes("wr0ng"));
});

test("a proxy can be spoken to in TLS", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("both", "IP:127.0.0.1,DNS:api.example.test");
  const tls = { cert: identity.certificate, key: identity.key };
  await using server = await TestServer.start((request, response) => response.end(request.url), { tls });
  await using plain = await target();
  await using proxy = await TestProxy.http({ tls });
  await using http = new TestExecutor();
  const config = { proxy: proxy.url, tlsRootCAsFile: authority.caFile };
  const tunnelled = await http.run({ url: `https://api.example.test:${server.port}/tls`, ...config });
  assert.equal(tunnelled.report.message, undefined);
  assert.equal(tunnelled.stdout.toString(), "/tls");
  const forwarded = await http.run({ url: `http://api.example.test:${plain.port}/plain`, ...config });
  assert.equal(forwarded.stdout.toString(), "/plain");
  const distrusted = await http.run({ url: `http://api.example.test:${plain.port}/`, proxy: proxy.url });
  assert.equal(distrusted.report.code, "PROXY_FAILED");
});

test("a proxy that cannot reach the target is told from one that refuses", guard, async () => {
  await using http = new TestExecutor();
  for (const [refuse, code, retryability] of [
    [502, "PROXY_FAILED", "RETRYABLE"],
    [403, "PROXY_DENIED", "PERMANENT"],
  ] as const) {
    await using proxy = await TestProxy.http({ refuse });
    const { report } = await http.run({ url: "https://api.example.test/", proxy: proxy.url });
    assert.equal(report.code, code);
    assert.equal(report.retryability, retryability);
  }
});

test("a proxy that is not there is named in the failure", guard, async () => {
  await using http = new TestExecutor();
  const { report } = await http.run({ url: "http://api.example.test/", proxy: "http://ann:s3cret@127.0.0.1:1" });
  assert.equal(report.code, "PROXY_FAILED");
  assert.equal(report.message, "cannot connect to proxy 127.0.0.1:1: connection refused");
});

test("a SOCKS5 proxy gets the target's name", guard, async () => {
  await using server = await target();
  await using proxy = await TestProxy.socks5();
  await using http = new TestExecutor();
  const run = await http.run({ url: `http://api.example.test:${server.port}/x`, proxy: proxy.url });
  assert.equal(run.stdout.toString(), "/x");
  assert.deepEqual(proxy.seen, [{ kind: "socks5", target: `api.example.test:${server.port}` }]);
});

test("a SOCKS5 proxy gets user and password, and TLS goes through it", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server", "DNS:api.example.test");
  await using server = await TestServer.start((request, response) => response.end(request.url), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  await using proxy = await TestProxy.socks5({ credentials: "ann:s3cret" });
  await using http = new TestExecutor();
  const config = { url: `https://api.example.test:${server.port}/x`, tlsRootCAsFile: authority.caFile };
  assert.equal((await http.run({ ...config, proxy: proxy.urlWith("ann:s3cret") })).stdout.toString(), "/x");
  const wrong = await http.run({ ...config, proxy: proxy.urlWith("ann:wr0ng") });
  assert.equal(wrong.report.message, `proxy 127.0.0.1:${proxy.port} refused user and password`);
  const nobody = await http.run({ ...config, proxy: proxy.url });
  assert.equal(nobody.report.message, `proxy 127.0.0.1:${proxy.port} asks for credentials`);
  assert.equal(nobody.report.code, "PROXY_DENIED");
});

test("a SOCKS5 proxy's refusal is told in words", guard, async () => {
  await using proxy = await TestProxy.socks5({ reply: 4 });
  await using http = new TestExecutor();
  const { report } = await http.run({ url: "http://api.example.test/", proxy: proxy.url });
  assert.equal(report.code, "PROXY_FAILED");
  assert.equal(report.message, `proxy 127.0.0.1:${proxy.port} cannot connect to api.example.test:80: host unreachable`);
});

test("what is no SOCKS5 proxy is found out", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end());
  await using http = new TestExecutor();
  const { report } = await http.run({ url: "http://a.test/", proxy: `socks5://127.0.0.1:${server.port}` });
  assert.equal(report.message, `proxy 127.0.0.1:${server.port} does not speak SOCKS5`);
});

test("the environment's proxy is used only when the job says so", guard, async (t) => {
  await using server = await target();
  await using proxy = await TestProxy.http();
  await using http = new TestExecutor();
  const before = process.env["HTTP_PROXY"];
  process.env["HTTP_PROXY"] = proxy.url;
  t.after(() => {
    if (before === undefined) delete process.env["HTTP_PROXY"];
    else process.env["HTTP_PROXY"] = before;
  });
  const url = `http://api.example.test:${server.port}/`;
  assert.equal((await http.run({ url, proxy: "environment" })).report.outcome, "SUCCEEDED");
  assert.equal(proxy.seen.length, 1);
  assert.equal((await http.run({ url: server.url })).report.outcome, "SUCCEEDED");
  assert.equal(proxy.seen.length, 1);
});

test("a proxy and a unix socket exclude each other", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://a.test", proxy: "http://p.test", unix_socket: "/x" });
  assert.equal(violationOf(run, "unix_socket"), "cannot be combined with proxy");
});
