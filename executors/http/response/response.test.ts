import assert from "node:assert/strict";
import { test } from "node:test";
import { promisify } from "node:util";
import { brotliCompress, deflate, gzip, gzipSync, zstdCompress } from "node:zlib";

import { TestExecutor, evidence } from "../testing/test-executor.ts";
import { TestServer } from "../testing/test-server.ts";

const guard = { timeout: 60_000 };

const coded = (coding: string, body: Buffer) =>
  TestServer.start((_request, response) => {
    response.setHeader("Content-Encoding", coding);
    response.end(body);
  });

for (const [coding, compress] of [
  ["gzip", promisify(gzip)],
  ["x-gzip", promisify(gzip)],
  ["deflate", promisify(deflate)],
  ["br", promisify(brotliCompress)],
  ["zstd", promisify(zstdCompress)],
] as const) {
  test(`a body in ${coding} is decompressed`, guard, async () => {
    const text = "The same line again and again.\n".repeat(5_000);
    const compressed = await (compress as (data: string) => Promise<Buffer>)(text);
    await using server = await coded(coding, compressed);
    await using http = new TestExecutor();
    const run = await http.run({ url: server.url, expectBody: "^The same" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.stdout.toString(), text);
    assert.equal(evidence(run, "bytes", "received"), compressed.length);
    assert.equal(evidence(run, "bytes", "output"), text.length);
    assert.match(server.last.headers["accept-encoding"] ?? "", /gzip/);
  });
}

test("codings on top of each other are undone in turn", guard, async () => {
  await using server = await coded("gzip, br", await promisify(brotliCompress)(gzipSync("twice")));
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: server.url })).stdout.toString(), "twice");
});

test("a job that asks for a coding itself gets the body as it comes", guard, async () => {
  const compressed = gzipSync("text");
  await using server = await coded("gzip", compressed);
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, headers: '["Accept-Encoding: gzip"]' });
  assert.deepEqual(run.stdout, compressed);
});

test("a coding that nobody knows is passed on with a warning", guard, async () => {
  await using server = await coded("rot13", Buffer.from("grkg"));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url });
  assert.equal(run.stdout.toString(), "grkg");
  assert.match(run.report.warnings?.[0] ?? "", /rot13/);
});

test("a body that cannot be decompressed fails the execution", guard, async () => {
  await using server = await coded("gzip", Buffer.from("this is no gzip"));
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url });
  assert.equal(report.code, "BODY_UNDECODABLE");
  assert.equal(report.effect, "HAPPENED");
});

test("a compressed body that ends early fails the execution", guard, async () => {
  await using server = await coded("gzip", gzipSync("x".repeat(100_000)).subarray(0, 60));
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: server.url })).report.code, "BODY_UNDECODABLE");
});

test("a small body that unpacks to a flood is cut off, and unpacked no further", guard, async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
  await using server = await coded("gzip", bomb);
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, max_body_bytes: "1MB" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.length, 1024 * 1024);
  assert.equal(evidence(run, "bytes", "truncated"), true);
  assert.equal(evidence(run, "bytes", "received"), bomb.length, "the server could finish");
  assert.deepEqual(run.report.warnings, ["body was cut off after max_body_bytes: 1048576"]);
});

test("a body over max_body_bytes is cut, and what is missing is counted", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end("0123456789".repeat(1_000)));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, max_body_bytes: "15" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "012345678901234");
  assert.deepEqual(evidence(run, "bytes"), { received: 10_000, output: 15, dropped: 9_985, truncated: true });
  assert.equal(server.open, 1, "the connection is still good");
});

test("a body of exactly max_body_bytes is whole", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end("0123456789"));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, max_body_bytes: "10", body_overflow: "fail" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.deepEqual(run.report.warnings, []);
});

test("a body over max_body_bytes can fail the execution", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end("0123456789"));
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, max_body_bytes: "5", body_overflow: "fail" });
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.code, "BODY_TOO_LARGE");
  assert.equal(report.message, "body is larger than max_body_bytes: 5");
});

test("an expectation about a cut body says that it saw only a part", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end("aaaaab"));
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, max_body_bytes: "5", expectBody: "b" });
  assert.equal(report.message, "the first 5 bytes of the body do not match b");
});

test("a body is passed on as it arrives", guard, async () => {
  const finish = Promise.withResolvers<void>();
  await using server = await TestServer.start(async (_request, response) => {
    response.write("first\n");
    await finish.promise;
    response.end("second\n");
  });
  await using http = new TestExecutor();
  const started = http.start({ url: server.url });
  await started.waitForOutput("first\n");
  finish.resolve();
  assert.equal((await started.finished).stdout.toString(), "first\nsecond\n");
});

test("a server that dies within the body fails the execution", guard, async () => {
  await using server = await TestServer.start((_request, response, raw) => {
    response.setHeader("Content-Length", 1_000);
    response.write("part");
    setImmediate(() => raw.socket.destroy());
  });
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url });
  assert.equal(run.report.outcome, "FAILED");
  assert.equal(run.report.code, "BODY_INCOMPLETE");
  assert.equal(run.report.effect, "HAPPENED");
  assert.equal(run.report.retryability, "RETRYABLE");
  assert.equal(run.stdout.toString(), "part");
});

test("a chunked body that ends without its end fails the execution", guard, async () => {
  await using server = await TestServer.start((_request, response, raw) => {
    response.write("part");
    setImmediate(() => raw.socket.end());
  });
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: server.url })).report.code, "BODY_INCOMPLETE");
});

test("what is no HTTP fails the execution", guard, async () => {
  await using server = await TestServer.start((_request, _response, raw) => raw.socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: server.url })).report.code, "RESPONSE_MALFORMED");
});

for (const [method, status] of [
  ["HEAD", 200],
  ["GET", 204],
  ["GET", 304],
] as const) {
  test(`${method} answered with ${status} has no body`, guard, async () => {
    await using server = await TestServer.start((_request, response) => {
      response.statusCode = status;
      if (status === 200) response.setHeader("Content-Length", 10);
      response.end();
    });
    await using http = new TestExecutor();
    const run = await http.run({ method, url: server.url, expectCode: "2xx,304" });
    assert.equal(run.report.outcome, "SUCCEEDED");
    assert.equal(run.stdout.length, 0);
  });
}

test("expectHeader looks at response headers", guard, async () => {
  await using server = await TestServer.start((_request, response) => {
    response.setHeader("Content-Type", "application/json; charset=utf-8");
    response.setHeader("X-Many", ["a", "b"]);
    response.end("{}");
  });
  await using http = new TestExecutor();
  const good = await http.run({ url: server.url, expectHeader: '{"content-type":"^application/json","X-Many":"^b$"}' });
  assert.equal(good.report.outcome, "SUCCEEDED");
  const bad = await http.run({ url: server.url, expectHeader: '{"Content-Type":"html"}' });
  assert.equal(bad.report.code, "HEADER_MISMATCH");
  assert.equal(bad.report.message, "header content-type does not match html");
  const missing = await http.run({ url: server.url, expectHeader: '{"X-None":"."}' });
  assert.equal(missing.report.message, "no header x-none, expected one that matches .");
});

test("expectJson looks at places in the body", guard, async () => {
  await using server = await TestServer.start((_request, response) =>
    response.end('{"status":"down","checks":[{"ok":true}],"n":1}'),
  );
  await using http = new TestExecutor();
  const good = await http.run({ url: server.url, expectJson: '{"checks[0].ok":true,"n":1,"checks[0]":{"ok":true}}' });
  assert.equal(good.report.outcome, "SUCCEEDED");
  const bad = await http.run({ url: server.url, expectJson: '{"status":"up"}' });
  assert.equal(bad.report.code, "BODY_MISMATCH");
  assert.equal(bad.report.message, 'status is "down", expected "up"');
  const missing = await http.run({ url: server.url, expectJson: '{"a.b":1}' });
  assert.equal(missing.report.message, "a.b is missing, expected 1");
});

test("expectJson about what is no JSON fails", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end("<html>"));
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, expectJson: '{"status":"up"}' });
  assert.equal(report.message, "the body of 6 bytes is not JSON, expected status in it");
});

test("the body is matched in the character set it comes in", guard, async () => {
  await using server = await TestServer.start((_request, response) => {
    response.setHeader("Content-Type", "text/plain; charset=iso-8859-1");
    response.end(Buffer.from("größe", "latin1"));
  });
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: server.url, expectBody: "^größe$" })).report.outcome, "SUCCEEDED");
});

test("the evidence tells what came back, without secrets", guard, async () => {
  await using server = await TestServer.start((_request, response) => {
    response.statusMessage = "Fine";
    response.setHeader("Set-Cookie", ["session=s3cret", "b=2"]);
    response.setHeader("X-Request-Id", "r-1");
    response.end("ok");
  });
  await using http = new TestExecutor();
  const run = await http.run({ url: `http://ann:s3cret@127.0.0.1:${server.port}/x?token=s3cret&a=1` });
  assert.equal(evidence(run, "status"), 200);
  assert.equal(evidence(run, "statusText"), "Fine");
  assert.equal(evidence(run, "httpVersion"), "1.1");
  assert.equal(evidence(run, "url"), `http://127.0.0.1:${server.port}/x?token=***&a=1`);
  assert.equal(evidence(run, "remoteAddress"), `127.0.0.1:${server.port}`);
  assert.deepEqual(evidence(run, "headers", "x-request-id"), ["r-1"]);
  assert.deepEqual(evidence(run, "headers", "set-cookie"), ["***", "***"]);
  assert.deepEqual(evidence(run, "bytes"), { received: 2, output: 2, dropped: 0, truncated: false });
  for (const phase of ["connectMs", "firstByteMs", "totalMs"]) {
    assert.equal(typeof evidence(run, "timings", phase), "number", phase);
  }
  assert.equal(evidence(run, "attempts", 0, "status"), 200);
  assert.ok(!JSON.stringify(run.report).includes("s3cret"));
  assert.equal(server.last.headers.authorization, `Basic ${Buffer.from("ann:s3cret").toString("base64")}`);
  assert.deepEqual(run.events[0], { ...run.events[0], type: "started", target: `GET ${String(evidence(run, "url"))}` });
});

test("a large head is taken in, and one beyond all measure is not", guard, async () => {
  await using server = await TestServer.start((request, response) => {
    const lines = request.url === "/large" ? 20 : 60;
    for (let line = 0; line < lines; line++) response.setHeader(`X-Line-${line}`, "x".repeat(4_000));
    response.end();
  });
  await using http = new TestExecutor();
  assert.equal((await http.run({ url: `${server.url}/large` })).report.outcome, "SUCCEEDED");
  const { report } = await http.run({ url: `${server.url}/larger` });
  assert.equal(report.code, "RESPONSE_MALFORMED");
  assert.match(report.message ?? "", /response headers too large$/);
});
