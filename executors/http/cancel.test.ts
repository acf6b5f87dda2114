import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";

import { TestExecutor } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

test("a cancel while connecting has no effect and leaves nothing open", guard, async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const connected = once(silent, "connection");
  const { port } = silent.address() as { port: number };
  await using http = new TestExecutor();
  const started = http.start({ url: `https://127.0.0.1:${port}/` });
  const [socket] = await connected;
  const closed = once(socket, "close");
  socket.resume();
  started.cancel({ reason: "not needed" });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.message, "stopped during the request: not needed");
  assert.equal(report.effect, "NONE");
  assert.equal(report.stop?.steps[0]?.action, "abort");
  assert.deepEqual(report.stop?.survivors, []);
  await closed;
  silent.close();
  await once(silent, "close");
});

test("a cancel while waiting for the response leaves the effect unknown", guard, async () => {
  await using server = await TestServer.start(() => {});
  await using http = new TestExecutor();
  const started = http.start({ method: "POST", url: server.url });
  await server.waitUntil(() => server.requests.length === 1);
  started.cancel();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.effect, undefined);
  assert.match(report.hint ?? "", /not known/);
  await server.waitUntil(() => server.open === 0);
});

test("a cancel within the body says that the effect has happened", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.write("begun"));
  await using http = new TestExecutor();
  const started = http.start({ method: "POST", url: server.url });
  await started.waitForOutput("begun");
  started.cancel();
  const run = await started.finished;
  assert.equal(run.report.outcome, "CANCELLED");
  assert.equal(run.report.effect, "HAPPENED");
  assert.equal(run.stdout.toString(), "begun");
  await server.waitUntil(() => server.open === 0);
});

test("a cancel while sending a body ends the upload", guard, async () => {
  await using http = new TestExecutor();
  // The server never reads more than its buffers hold.
  const blocked = createServer((socket) => socket.pause()).listen(0, "127.0.0.1");
  await once(blocked, "listening");
  const connected = once(blocked, "connection");
  const { port } = blocked.address() as { port: number };
  const started = http.start({ method: "PUT", url: `http://127.0.0.1:${port}/`, body: "x".repeat(30_000_000) });
  const [socket] = await connected;
  await once(socket, "readable");
  started.cancel();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.effect, undefined);
  socket.on("error", () => {}).resume();
  await once(socket, "close");
  blocked.close();
  await once(blocked, "close");
});

test("a cancel between two attempts ends the wait", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.writeHead(503).end());
  await using http = new TestExecutor();
  const started = http.start({ url: server.url, retry_attempts: "2", retry_backoff: "30s", debug: "true" });
  await started.waitForOutput("attempt 2 of 2");
  started.cancel();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.match(report.message ?? "", /^stopped between two attempts/);
  assert.equal(server.requests.length, 1);
});

test("a cancel before the start sends nothing", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.end());
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url }, { signal: AbortSignal.abort() });
  assert.equal(run.report.outcome, "CANCELLED");
  assert.equal(run.report.effect, "NONE");
  assert.equal(server.accepted, 0);
});

test("a cancel of one execution does not touch its neighbour", guard, async () => {
  const finish = Promise.withResolvers<void>();
  await using server = await TestServer.start(async (request, response) => {
    response.write(request.url);
    await finish.promise;
    response.end();
  });
  await using http = new TestExecutor();
  const one = http.start({ url: `${server.url}/one` });
  const other = http.start({ url: `${server.url}/other` });
  await Promise.all([one.waitForOutput("/one"), other.waitForOutput("/other")]);
  one.cancel();
  assert.equal((await one.finished).report.outcome, "CANCELLED");
  finish.resolve();
  assert.equal((await other.finished).report.outcome, "SUCCEEDED");
});
