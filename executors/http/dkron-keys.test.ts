import assert from "node:assert/strict";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { TestAuthority } from "./testing/certificates.ts";
import { TestExecutor, evidence, violationOf } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

// The keys of Dkron's http executor, one by one, and its defects HT1 to HT12 as regressions.

const guard = { timeout: 60_000 };

const echo = (status = 200) =>
  TestServer.start((request, response) => {
    response.statusCode = status;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(request));
  });

test("a Dkron job runs unchanged", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const run = await http.run({
    method: "POST",
    url: `${server.url}/ping?a=1`,
    headers: '["Content-Type: application/json","X-Trace: cron"]',
    body: '{"ok":true}',
    timeout: "10",
    expectCode: "200,204",
    expectBody: '"method":"POST"',
  });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(server.last.method, "POST");
  assert.equal(server.last.url, "/ping?a=1");
  assert.equal(server.last.body, '{"ok":true}');
  assert.equal(server.last.headers["content-type"], "application/json");
  assert.equal(server.last.headers["x-trace"], "cron");
  assert.deepEqual(JSON.parse(run.stdout.toString()), server.last);
});

test("method and url are required", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ method: "" });
  assert.equal(run.report.outcome, "REJECTED");
  assert.equal(run.report.effect, "NONE");
  assert.equal(violationOf(run, "method"), "is required");
  assert.equal(violationOf(run, "url"), "is required");
});

test("method in lower case is corrected, and nonsense is refused", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  assert.equal((await http.run({ method: "put", url: server.url })).report.outcome, "SUCCEEDED");
  assert.equal(server.last.method, "PUT");
  assert.ok(violationOf(await http.run({ method: "GET /", url: server.url }), "method"));
  assert.ok(violationOf(await http.run({ method: "connect", url: server.url }), "method"));
});

for (const [url, message] of [
  ["not a url", "is not an absolute URL"],
  ["/relative", "is not an absolute URL"],
  ["ftp://a.test/", "has a scheme that is neither http nor https: ftp"],
  ["http://user:%zz@a.test/", "has a user or password that is not properly encoded"],
] as const) {
  test(`url ${url} is refused`, guard, async () => {
    await using http = new TestExecutor();
    assert.equal(violationOf(await http.run({ url }), "url"), message);
  });
}

test("a header without a colon is refused, and the executor goes on (HT1)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const bad = await http.run({ url: server.url, headers: '["Authorization Bearer s3cret"]' });
  assert.equal(bad.report.outcome, "REJECTED");
  assert.equal(violationOf(bad, "headers"), "entry 1 has no colon");
  assert.ok(!JSON.stringify(bad.report).includes("s3cret"));
  assert.equal((await http.run({ url: server.url })).report.outcome, "SUCCEEDED");
});

test("a header value keeps what follows its second colon (HT2)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  await http.run({ url: server.url, headers: '["Referer: http://x.test/y","X-Time: 10:20:30"]' });
  assert.equal(server.last.headers.referer, "http://x.test/y");
  assert.equal(server.last.headers["x-time"], "10:20:30");
});

test("repeated headers are all sent, and Host names the host (HT3)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  await http.run({ url: server.url, headers: '["X-A: 1","X-A: 2","Host: virtual.test"]' });
  assert.equal(server.last.headers["x-a"], "1, 2");
  assert.equal(server.last.headers.host, "virtual.test");
});

test("headers can be given as an object", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  await http.run({ url: server.url, headers: '{"X-A":["1","2"],"X-B":"3"}' });
  assert.equal(server.last.headers["x-a"], "1, 2");
  assert.equal(server.last.headers["x-b"], "3");
});

test("a header that belongs to the message itself is left out with a warning", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const run = await http.run({
    method: "POST",
    url: server.url,
    body: "four",
    headers: '["Content-Length: 3","Transfer-Encoding: chunked","Expect: 100-continue"]',
  });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(server.last.body, "four");
  assert.equal(run.report.warnings?.length, 3);
});

test("body is sent with any method", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
    await http.run({ method, url: server.url, body: "häuser" });
    assert.equal(server.last.method, method);
    assert.equal(server.last.body, "häuser");
  }
});

test("an empty body is no body", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const run = await http.run({ method: "POST", url: server.url, body: "", json: "[]" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(server.last.body, "[]");
});

test("timeout counts seconds when it is a plain number, and ends the execution as TIMED_OUT", guard, async () => {
  await using server = await TestServer.start(() => {});
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, timeout: "1" });
  assert.equal(run.report.outcome, "TIMED_OUT");
  assert.equal(run.report.code, "TIMEOUT_TOTAL");
  assert.equal(run.report.message, "not finished within 1 s");
  assert.equal(run.report.effect, undefined, "the server may have acted on it");
});

for (const timeout of ["0", "-5", "1m30s", "500ms"]) {
  test(`timeout ${timeout} is accepted`, guard, async () => {
    await using server = await echo();
    await using http = new TestExecutor();
    assert.equal((await http.run({ url: server.url, timeout })).report.outcome, "SUCCEEDED");
  });
}

test("timeout that is no duration is refused", guard, async () => {
  await using http = new TestExecutor();
  assert.ok(violationOf(await http.run({ url: "http://a.test", timeout: "soon" }), "timeout"));
});

for (const [expectCode, status, outcome] of [
  ["1200", 200, "REJECTED"],
  ["200,204", 204, "SUCCEEDED"],
  ["200, 204", 204, "SUCCEEDED"],
  ["200,204", 201, "FAILED"],
  ["300-499", 404, "SUCCEEDED"],
  ["2xx", 299, "SUCCEEDED"],
  ["any", 500, "SUCCEEDED"],
] as const) {
  test(`expectCode ${expectCode} makes status ${status} end ${outcome} (HT4)`, guard, async () => {
    await using server = await echo(status);
    await using http = new TestExecutor();
    assert.equal((await http.run({ url: server.url, expectCode })).report.outcome, outcome);
  });
}

test("without expectCode, success means 200 to 299 (HT7)", guard, async () => {
  await using server = await echo(500);
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url });
  assert.equal(run.report.outcome, "FAILED");
  assert.equal(run.report.code, "STATUS_UNEXPECTED");
  assert.equal(run.report.message, "status 500, expected 200-299");
  assert.equal(run.report.retryability, "RETRYABLE");
  assert.equal(JSON.parse(run.stdout.toString()).method, "GET", "the body is passed on all the same");
});

test("expectBody that does not match fails the execution and says so", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, expectBody: "/success/" });
  assert.equal(run.report.code, "BODY_MISMATCH");
  assert.match(run.report.message ?? "", /^the body of \d+ bytes does not match \/success\/$/);
  assert.equal(run.report.effect, "HAPPENED");
  assert.ok(run.stdout.length > 0);
});

test("expectBody that is no regular expression is refused (HT5)", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://a.test", expectBody: "(" });
  assert.equal(run.report.outcome, "REJECTED");
  assert.match(violationOf(run, "expectBody") ?? "", /^no valid regular expression: \(/);
});

test("an endless body costs no memory beyond the limit, and the time limit ends it (HT6)", guard, async () => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  await using server = await TestServer.start((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
      response.once("drain", more);
    };
    more();
  });
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, timeout: "1", max_body_bytes: "100KB" });
  assert.equal(run.report.outcome, "TIMED_OUT");
  assert.equal(run.stdout.length, 100 * 1024);
  assert.equal(evidence(run, "bytes", "truncated"), true);
});

test("debug writes a trace to stderr, without secrets (HT8)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const config = { url: `${server.url}/?token=s3cret`, headers: '["Authorization: Bearer s3cret","X-A: shown"]' };
  const run = await http.run({ ...config, debug: "yes" });
  const trace = run.stderr.toString();
  assert.match(trace, /^> GET http:\/\/127\.0\.0\.1:\d+\/\?token=\*\*\*$/m);
  assert.match(trace, /^> Authorization: \*\*\*$/m);
  assert.match(trace, /^> X-A: shown$/m);
  assert.match(trace, /^< 200 OK$/m);
  assert.ok(!trace.includes("s3cret"));
  assert.equal((await http.run({ ...config, debug: "false" })).stderr.length, 0, "Dkron took this for true");
});

test("debug under Dkron's contract goes to the log and not into the stored output (HT8)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, debug: "1" }, { protocol: "dkron" });
  assert.equal(run.stderr.length, 0);
  assert.ok(run.logs.some(({ message }) => message.startsWith("> GET ")));
});

test("a key that nobody knows is an error natively and a warning under Dkron's contract", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const config = { url: server.url, expectedCode: "200" };
  assert.match((await http.run(config)).report.violations?.[0]?.hint ?? "", /expectCode/);
  const dkron = await http.run(config, { protocol: "dkron" });
  assert.equal(dkron.report.outcome, "SUCCEEDED");
  assert.equal(dkron.report.warnings?.length, 1);
});

test("tlsRootCAsFile is trusted, and replaces the system's authorities", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server");
  await using server = await TestServer.start((_, response) => response.end("ok"), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  await using http = new TestExecutor();
  const trusted = await http.run({ url: server.url, tlsRootCAsFile: authority.caFile });
  assert.equal(trusted.report.outcome, "SUCCEEDED");
  assert.equal(evidence(trusted, "tls", "verified"), true);
  const unknown = await http.run({ url: server.url });
  assert.equal(unknown.report.code, "TLS_FAILED");
  assert.equal(unknown.report.effect, "NONE");
  assert.match(
    unknown.report.message ?? "",
    /^TLS with 127\.0\.0\.1:\d+ failed: the certificate's authority is not trusted$/,
  );
});

test(
  "tlsNoVerifyPeer takes any certificate, warns each time, and holds for its own job only (HT10, HT11)",
  guard,
  async () => {
    await using authority = await TestAuthority.create();
    const identity = await authority.issue("server");
    await using server = await TestServer.start((_, response) => response.end("ok"), {
      tls: { cert: identity.certificate, key: identity.key },
    });
    await using http = new TestExecutor();
    for (let round = 1; round <= 2; round++) {
      const run = await http.run({ url: server.url, tlsNoVerifyPeer: "true" });
      assert.equal(run.report.outcome, "SUCCEEDED");
      assert.match(run.report.warnings?.[0] ?? "", /^the server's certificate was not verified \(tlsNoVerifyPeer\): /);
      assert.equal(evidence(run, "tls", "verified"), false);
      assert.equal((await http.run({ url: server.url })).report.code, "TLS_FAILED");
    }
  },
);

test("tlsCertificateFile and tlsCertificateKeyFile are shown to the server", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server");
  const client = await authority.issue("client");
  await using server = await TestServer.start((_, response) => response.end("ok"), {
    tls: {
      cert: identity.certificate,
      key: identity.key,
      ca: await readFile(authority.caFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
  });
  await using http = new TestExecutor();
  const config = { url: server.url, tlsRootCAsFile: authority.caFile };
  const known = await http.run({
    ...config,
    tlsCertificateFile: client.certificateFile,
    tlsCertificateKeyFile: client.keyFile,
  });
  assert.equal(known.report.outcome, "SUCCEEDED");
  const unknown = await http.run(config);
  assert.equal(unknown.report.outcome, "FAILED");
});

test("TLS settings that cannot be used fail the execution and name their key (HT9)", guard, async () => {
  await using authority = await TestAuthority.create();
  const identity = await authority.issue("server");
  const other = await authority.issue("other");
  await using server = await TestServer.start((_, response) => response.end("ok"), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  await using http = new TestExecutor();
  const missing = join(authority.directory, "missing.pem");
  for (const [config, code, message] of [
    [{ tlsRootCAsFile: missing }, "FILE_UNREADABLE", `tlsRootCAsFile cannot be read: ${missing}: no such file`],
    [
      { tlsRootCAsFile: authority.directory },
      "FILE_UNREADABLE",
      `tlsRootCAsFile cannot be read: ${authority.directory}: is a directory`,
    ],
    [
      { tlsRootCAsFile: identity.keyFile },
      "TLS_MATERIAL_INVALID",
      `tlsRootCAsFile ${identity.keyFile} holds no certificate`,
    ],
    [
      { tlsCertificateFile: missing, tlsCertificateKeyFile: other.keyFile },
      "FILE_UNREADABLE",
      `tlsCertificateFile cannot be read: ${missing}: no such file`,
    ],
    [
      { tlsCertificateFile: identity.certificateFile, tlsCertificateKeyFile: other.keyFile },
      "TLS_MATERIAL_INVALID",
      `tlsCertificateKeyFile ${other.keyFile} does not fit: it belongs to another certificate`,
    ],
  ] as const) {
    const { report } = await http.run({ url: server.url, ...config });
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.code, code);
    assert.equal(report.message, message);
    assert.equal(report.effect, "NONE");
  }
  assert.equal(server.accepted, 0, "nothing was sent");
  assert.ok(violationOf(await http.run({ url: server.url, tlsNoVerifyPeer: "maybe" }), "tlsNoVerifyPeer"));
  const alone = await http.run({ url: server.url, tlsCertificateKeyFile: other.keyFile });
  assert.equal(violationOf(alone, "tlsCertificateFile"), "is required with a key");
});

test("a replaced CA file counts from the next execution on (HT10)", guard, async () => {
  await using first = await TestAuthority.create("first");
  await using second = await TestAuthority.create("second");
  const identity = await second.issue("server");
  await using server = await TestServer.start((_, response) => response.end("ok"), {
    tls: { cert: identity.certificate, key: identity.key },
  });
  await using http = new TestExecutor();
  const file = first.path("trusted.pem");
  const config = { url: server.url, tlsRootCAsFile: file };
  await copyFile(first.caFile, file);
  assert.equal((await http.run(config)).report.code, "TLS_FAILED");
  await copyFile(second.caFile, file);
  assert.equal((await http.run(config)).report.outcome, "SUCCEEDED");
  await copyFile(first.caFile, file);
  assert.equal(
    (await http.run(config)).report.code,
    "TLS_FAILED",
    "an open connection under other settings is not used",
  );
});

test("connections are kept and used again (HT12)", guard, async () => {
  await using server = await echo();
  await using http = new TestExecutor();
  const first = await http.run({ url: server.url });
  const second = await http.run({ url: server.url, headers: '["Host: other.test"]' });
  assert.equal(evidence(first, "connectionReused"), false);
  assert.equal(evidence(second, "connectionReused"), true);
  assert.equal(server.accepted, 1);
});
