import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";

import { TestAuthority, type Identity } from "../testing/certificates.ts";
import { TestExecutor, evidence, violationOf } from "../testing/test-executor.ts";
import { TestServer, type TestServerOptions } from "../testing/test-server.ts";

const guard = { timeout: 60_000 };

let authority: TestAuthority;
let server: Identity;
let client: Identity;

before(async () => {
  authority = await TestAuthority.create();
  server = await authority.issue("server", "IP:127.0.0.1,DNS:localhost,DNS:internal.test");
  client = await authority.issue("client");
});

after(() => authority[Symbol.asyncDispose]());

const secure = (more: TestServerOptions["tls"] = {}, http2 = false) =>
  TestServer.start((request, response) => response.end(request.url), {
    tls: { cert: server.certificate, key: server.key, ...more },
    http2,
  });

/** Tells who its client is. */
const mutual = async () =>
  TestServer.start(
    (_request, response, raw) => response.end((raw.socket as TLSSocket).getPeerCertificate().subject?.CN ?? "nobody"),
    {
      tls: {
        cert: server.certificate,
        key: server.key,
        ca: await readFile(authority.caFile),
        requestCert: true,
        rejectUnauthorized: false,
      },
    },
  );

test("tls_ca gives the authority as text", guard, async () => {
  await using target = await secure();
  await using http = new TestExecutor();
  const ca = await readFile(authority.caFile, "utf8");
  assert.equal((await http.run({ url: target.url, tls_ca: ca })).report.outcome, "SUCCEEDED");
  const both = await http.run({ url: target.url, tls_ca: ca, tlsRootCAsFile: authority.caFile });
  assert.equal(violationOf(both, "tls_ca"), "cannot be combined with tlsRootCAsFile");
  const garbage = await http.run({
    url: target.url,
    tls_ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
  });
  assert.equal(garbage.report.message, "certificate 1 of tls_ca cannot be read");
});

test("tls_ca_mode=extend trusts the given authority besides the system's", guard, async () => {
  await using target = await secure();
  await using http = new TestExecutor();
  const run = await http.run({ url: target.url, tlsRootCAsFile: authority.caFile, tls_ca_mode: "extend" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  const nothing = await http.run({ url: target.url, tls_ca_mode: "extend" });
  assert.equal(violationOf(nothing, "tls_ca_mode"), "extends nothing");
});

test("a client certificate can be given as text", guard, async () => {
  await using target = await mutual();
  await using http = new TestExecutor();
  const config = { url: target.url, tlsRootCAsFile: authority.caFile };
  const run = await http.run({ ...config, tls_certificate: client.certificate, tls_certificate_key: client.key });
  assert.equal(run.stdout.toString(), "client");
  assert.equal((await http.run(config)).stdout.toString(), "nobody", "connections are not shared between identities");
});

test("an encrypted key needs its passphrase", guard, async () => {
  await using target = await mutual();
  await using http = new TestExecutor();
  const encrypted = await authority.encryptKey(client.keyFile, "s3cret");
  const config = {
    url: target.url,
    tlsRootCAsFile: authority.caFile,
    tlsCertificateFile: client.certificateFile,
    tlsCertificateKeyFile: encrypted,
  };
  assert.equal((await http.run({ ...config, tls_key_passphrase: "s3cret" })).stdout.toString(), "client");
  const without = await http.run(config);
  assert.equal(without.report.code, "TLS_MATERIAL_INVALID");
  assert.match(without.report.message ?? "", /it is encrypted, and tls_key_passphrase is not set$/);
  const wrong = await http.run({ ...config, tls_key_passphrase: "wr0ng" });
  assert.match(wrong.report.message ?? "", /tls_key_passphrase does not open it$/);
  assert.ok(!JSON.stringify(wrong.report).includes("wr0ng"));
});

test("a server that insists on a client certificate is told from one that hangs up", guard, async () => {
  // Node's own servers hang up; OpenSSL's says why, after the handshake.
  const files = ["-cert", server.certificateFile, "-key", server.keyFile, "-CAfile", authority.caFile];
  const strict = spawn("openssl", [
    "s_server",
    "-accept",
    "127.0.0.1:0",
    "-Verify",
    "1",
    "-verify_return_error",
    ...files,
  ]);
  const exited = once(strict, "exit");
  let output = "";
  while (!/ACCEPT \S+:(\d+)/.test(output)) output += String((await once(strict.stdout, "data"))[0]);
  const url = `https://127.0.0.1:${/ACCEPT \S+:(\d+)/.exec(output)?.[1]}`;
  await using http = new TestExecutor();
  const { report } = await http.run({ url, tlsRootCAsFile: authority.caFile });
  assert.equal(report.code, "TLS_FAILED");
  assert.match(report.message ?? "", /the server asks for a client certificate$/);
  assert.equal(report.hint, "set tlsCertificateFile and tlsCertificateKeyFile");
  strict.kill();
  await exited;
});

test("a certificate and its key come together", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "https://a.test", tls_certificate: client.certificate });
  assert.equal(violationOf(run, "tlsCertificateKeyFile"), "is required with a client certificate");
});

test("a client certificate is not shown to where a redirect leads", guard, async () => {
  await using other = await mutual();
  await using target = await TestServer.start(
    (_request, response) => response.writeHead(302, { location: other.url }).end(),
    { tls: { cert: server.certificate, key: server.key } },
  );
  await using http = new TestExecutor();
  const run = await http.run({
    url: target.url,
    tlsRootCAsFile: authority.caFile,
    tls_certificate: client.certificate,
    tls_certificate_key: client.key,
  });
  assert.equal(run.stdout.toString(), "nobody");
});

test("a certificate for another name is refused, and tls_server_name says which to expect", guard, async () => {
  const elsewhere = await authority.issue("elsewhere", "DNS:internal.test");
  await using target = await secure({ cert: elsewhere.certificate, key: elsewhere.key });
  await using http = new TestExecutor();
  const config = { url: target.url, tlsRootCAsFile: authority.caFile };
  const refused = await http.run(config);
  assert.equal(refused.report.code, "TLS_FAILED");
  assert.equal(refused.report.hint, "check the host name, or set tls_server_name");
  assert.equal(refused.report.retryability, "PERMANENT");
  assert.equal((await http.run({ ...config, tls_server_name: "internal.test" })).report.outcome, "SUCCEEDED");
});

test("tls_min_version refuses an older server", guard, async () => {
  await using target = await secure({ maxVersion: "TLSv1.2" });
  await using http = new TestExecutor();
  const config = { url: target.url, tlsRootCAsFile: authority.caFile };
  assert.equal(evidence(await http.run(config), "tls", "protocol"), "TLSv1.2");
  const { report } = await http.run({ ...config, tls_min_version: "1.3" });
  assert.equal(report.code, "TLS_FAILED");
  assert.match(report.message ?? "", /no TLS version in common$/);
});

test("a server without TLS is told from one with a bad certificate", guard, async () => {
  await using target = await TestServer.start((_request, response) => response.end());
  await using http = new TestExecutor();
  const { report } = await http.run({ url: target.url.replace("http:", "https:") });
  assert.equal(report.code, "TLS_FAILED");
  assert.match(report.message ?? "", /the other side does not speak TLS on this port$/);
});

test("the evidence tells what TLS brought to light", guard, async () => {
  await using target = await secure();
  await using http = new TestExecutor();
  const run = await http.run({ url: target.url, tlsRootCAsFile: authority.caFile });
  assert.equal(evidence(run, "tls", "protocol"), "TLSv1.3");
  assert.equal(evidence(run, "tls", "subject"), "CN=server, O=Test");
  assert.equal(evidence(run, "tls", "issuer"), "CN=test-authority");
  assert.match(String(evidence(run, "tls", "validTo")), /^\d{4}-\d\d-\d\dT/);
  assert.match(String(evidence(run, "tls", "cipher")), /^TLS_/);
  assert.equal(typeof evidence(run, "timings", "tlsMs"), "number");
});

test("http_version=auto speaks HTTP/2 where it is offered, and many requests share a connection", guard, async () => {
  await using target = await secure({}, true);
  await using http = new TestExecutor();
  const config = { url: target.url, tlsRootCAsFile: authority.caFile };
  const first = await http.run({
    ...config,
    http_version: "auto",
    headers: '["X-A: 1","X-A: 2","Host: virtual.test"]',
  });
  assert.equal(first.report.outcome, "SUCCEEDED");
  assert.equal(evidence(first, "httpVersion"), "2");
  assert.equal(target.last.httpVersion, "2.0");
  assert.equal(target.last.headers["x-a"], "1, 2");
  assert.equal(target.last.headers[":authority"], "virtual.test");
  const runs = await Promise.all([1, 2, 3].map(() => http.run({ ...config, http_version: "auto" })));
  assert.ok(runs.every((run) => run.report.outcome === "SUCCEEDED"));
  assert.equal(target.accepted, 1);
  const older = await http.run(config);
  assert.equal(evidence(older, "httpVersion"), "1.1");
});

test("HTTP/2 carries bodies, statuses and cancels", guard, async () => {
  await using target = await TestServer.start(
    (request, response) => {
      if (request.url === "/hang") return response.write("begun");
      response.statusCode = 418;
      return response.end(request.body);
    },
    { tls: { cert: server.certificate, key: server.key }, http2: true },
  );
  await using http = new TestExecutor();
  const config = { tlsRootCAsFile: authority.caFile, http_version: "2" };
  const posted = await http.run({
    ...config,
    method: "POST",
    url: target.url,
    body: "x".repeat(200_000),
    expectCode: "418",
  });
  assert.equal(posted.report.outcome, "SUCCEEDED");
  assert.equal(posted.stdout.length, 200_000);
  const started = http.start({ ...config, url: `${target.url}/hang` });
  await started.waitForOutput("begun");
  started.cancel();
  assert.equal((await started.finished).report.outcome, "CANCELLED");
  const next = await http.run({ ...config, method: "POST", url: target.url, body: "after", expectCode: "418" });
  assert.equal(next.stdout.toString(), "after");
  assert.equal(target.accepted, 1, "a cancelled stream does not cost the connection");
});

test("http_version=2 fails where HTTP/2 is not offered", guard, async () => {
  await using target = await secure();
  await using http = new TestExecutor();
  const { report } = await http.run({ url: target.url, tlsRootCAsFile: authority.caFile, http_version: "2" });
  assert.ok(["HTTP2_NOT_OFFERED", "TLS_FAILED"].includes(report.code ?? ""), report.code);
  assert.equal(report.effect, "NONE");
  const plain = await http.run({ url: "http://a.test", http_version: "2" });
  assert.equal(violationOf(plain, "http_version"), "2 needs an https URL");
});

test("unix_socket leads to a server on this machine", guard, async () => {
  const path = join(authority.directory, "http.sock");
  await using target = await TestServer.start((request, response) => response.end(request.headers.host), { path });
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://docker/containers/json", unix_socket: path });
  assert.equal(run.stdout.toString(), "docker");
  assert.equal(target.last.url, "/containers/json");
  assert.equal(evidence(run, "remoteAddress"), path);
});

test("resolve leads a name to an address, and TLS still asks for the name", guard, async () => {
  const named = await authority.issue("named", "DNS:api.example.test");
  await using target = await secure({ cert: named.certificate, key: named.key });
  await using http = new TestExecutor();
  const config = { url: `https://API.example.test:${target.port}/x`, tlsRootCAsFile: authority.caFile };
  const run = await http.run({ ...config, resolve: '{"Api.Example.Test":"127.0.0.1"}' });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(target.last.headers.host, `api.example.test:${target.port}`);
  const wrong = await http.run({ ...config, resolve: '{"api.example.test":"localhost"}' });
  assert.equal(violationOf(wrong, "resolve"), 'no IP address: "localhost"');
});

test("local_address says where to connect from", guard, async () => {
  await using target = await TestServer.start((_request, response, raw) => response.end(raw.socket.remoteAddress));
  await using http = new TestExecutor();
  const run = await http.run({ url: target.url, local_address: "127.0.0.9" });
  assert.equal(run.stdout.toString(), "127.0.0.9");
});
