import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { TestExecutor, violationOf } from "../testing/test-executor.ts";
import { TestServer } from "../testing/test-server.ts";

const guard = { timeout: 60_000 };

const server = () => TestServer.start((request, response) => response.end(request.body));

async function temporaryFile(content: string | Buffer): Promise<{ path: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "executor-http-"));
  const path = join(directory, "upload.txt");
  await writeFile(path, content);
  return { path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

test("body_base64 is sent as the bytes it stands for", guard, async () => {
  await using target = await TestServer.start((_request, response, raw) => response.end(raw.headers["content-length"]));
  await using http = new TestExecutor();
  const bytes = Buffer.from([0, 255, 128, 10]);
  const run = await http.run({ method: "POST", url: target.url, body_base64: bytes.toString("base64") });
  assert.equal(run.stdout.toString(), "4");
  assert.ok(violationOf(await http.run({ url: target.url, body_base64: "***" }), "body_base64"));
});

test("body_file is streamed with its length", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await using file = await temporaryFile("x".repeat(300_000));
  const run = await http.run({ method: "PUT", url: target.url, body_file: file.path });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(target.last.headers["content-length"], "300000");
  assert.equal(run.stdout.length, 300_000);
});

test("body_file that cannot be read fails the execution before anything is sent", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  const { report } = await http.run({ method: "PUT", url: target.url, body_file: "/nowhere/file" });
  assert.equal(report.code, "FILE_UNREADABLE");
  assert.equal(report.message, "body_file cannot be read: /nowhere/file: no such file");
  assert.equal(report.effect, "NONE");
  assert.equal(
    (await http.run({ method: "PUT", url: target.url, body_file: "/dev/zero" })).report.code,
    "FILE_UNREADABLE",
  );
  assert.equal(target.accepted, 0);
});

test("a file that changes while it is being sent fails the execution", guard, async () => {
  await using file = await temporaryFile("x".repeat(100_000));
  await using target = await TestServer.start(async (_request, response) => {
    await writeFile(file.path, "short");
    response.writeHead(307, { Location: "/again" }).end();
  });
  await using http = new TestExecutor();
  const plain = await http.run({ method: "PUT", url: target.url, body_file: file.path });
  assert.equal(plain.report.code, "FILE_UNREADABLE");
  assert.equal(plain.report.message, "a file of the body was changed while it was being sent");
});

test("json is sent as it is, with its content type", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await http.run({ method: "POST", url: target.url, json: '{ "n": 1.0 }' });
  assert.equal(target.last.body, '{ "n": 1.0 }');
  assert.equal(target.last.headers["content-type"], "application/json");
  await http.run({ method: "POST", url: target.url, json: "{}", headers: '["content-type: application/vnd.x+json"]' });
  assert.equal(target.last.headers["content-type"], "application/vnd.x+json");
  assert.equal(violationOf(await http.run({ url: target.url, json: "{" }), "json"), "is not JSON");
});

test("form is URL-encoded, with repeated names", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await http.run({ method: "POST", url: target.url, form: '{"a":"1 2","b":["x","y&z"],"n":3}' });
  assert.equal(target.last.body, "a=1+2&b=x&b=y%26z&n=3");
  assert.equal(target.last.headers["content-type"], "application/x-www-form-urlencoded");
});

test("multipart sends fields and files", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await using file = await temporaryFile("file content");
  const parts = [
    { name: "note", value: "nightly" },
    { name: "data", value: "{}", content_type: "application/json" },
    { name: "log", file: file.path, content_type: "text/plain" },
    { name: "named", file: file.path, filename: "other.bin" },
  ];
  const run = await http.run({ method: "POST", url: target.url, multipart: JSON.stringify(parts) });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.match(target.last.headers["content-type"] ?? "", /^multipart\/form-data; boundary=/);
  assert.equal(Number(target.last.headers["content-length"]), Buffer.byteLength(target.last.body));
  const { body } = target.last;
  assert.match(body, /name="note"\r\n\r\nnightly\r\n/);
  assert.match(body, /name="data"; filename="data"\r\nContent-Type: application\/json\r\n\r\n\{\}/);
  assert.match(body, /name="log"; filename="upload.txt"\r\nContent-Type: text\/plain\r\n\r\nfile content/);
  assert.match(body, /name="named"; filename="other.bin"/);
});

test("a part needs either a value or a file", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://a.test", multipart: '[{"name":"a"},{"name":"b","value":"1"}]' });
  assert.equal(violationOf(run, "multipart[0]"), "needs either value or file");
  assert.equal(violationOf(run, "multipart[1]"), undefined);
});

test("two kinds of body at once are refused", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://a.test", body: "x", json: "{}", form: "a=1" });
  assert.equal(violationOf(run, "json"), "cannot be combined with body");
  assert.equal(violationOf(run, "form"), "cannot be combined with body");
});

test("query is added to what the URL has", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await http.run({ url: `${target.url}/p?x=1`, query: '{"a":"b c","t":["1","2"],"flag":true}' });
  assert.equal(target.last.url, "/p?x=1&a=b+c&t=1&t=2&flag=true");
  await http.run({ url: `${target.url}/p`, query: "a=1&b=%26" });
  assert.equal(target.last.url, "/p?a=1&b=%26");
});

test("idempotency_key sends the execution's id, unless the job sets the header", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  await http.run({ method: "POST", url: target.url, idempotency_key: "true" }, { id: "run-7" });
  assert.equal(target.last.headers["idempotency-key"], "run-7");
  await http.run({ url: target.url, idempotency_key: "true", headers: '["Idempotency-Key: mine"]' }, { id: "run-8" });
  assert.equal(target.last.headers["idempotency-key"], "mine");
  await http.run({ url: target.url });
  assert.equal(target.last.headers["idempotency-key"], undefined);
});

test("the trace context is passed on, unless the job sets it", guard, async () => {
  await using target = await server();
  await using http = new TestExecutor();
  const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b" };
  await http.run({ url: target.url }, { traceContext });
  assert.equal(target.last.headers["traceparent"], traceContext.traceparent);
  assert.equal(target.last.headers["tracestate"], "a=b");
  await http.run({ url: target.url, headers: '["Traceparent: mine"]' }, { traceContext });
  assert.equal(target.last.headers["traceparent"], "mine");
});
