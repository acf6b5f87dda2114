import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";

import { TestExecutor } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

test("headers_timeout limits the wait for the head of the response", guard, async () => {
  await using server = await TestServer.start(() => {});
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, headers_timeout: "100ms" });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.code, "TIMEOUT_HEADERS");
  assert.equal(report.message, "no response within 100 ms");
  assert.equal(report.effect, undefined);
  await server.waitUntil(() => server.open === 0);
});

test("headers_timeout is over once the head is here", guard, async () => {
  const finish = Promise.withResolvers<void>();
  await using server = await TestServer.start(async (_request, response) => {
    response.write("slow ");
    await finish.promise;
    response.end("body");
  });
  await using http = new TestExecutor();
  const started = http.start({ url: server.url, headers_timeout: "200ms" });
  await started.waitForOutput("slow ");
  setTimeout(finish.resolve, 400);
  const run = await started.finished;
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "slow body");
});

test("idle_timeout limits silence within the body", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.write("begun"));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, idle_timeout: "100ms" });
  assert.equal(run.report.outcome, "TIMED_OUT");
  assert.equal(run.report.code, "TIMEOUT_BODY");
  assert.equal(run.report.effect, "HAPPENED");
  assert.equal(run.stdout.toString(), "begun");
  await server.waitUntil(() => server.open === 0);
});

test("idle_timeout bears a body that is slow but not silent", guard, async () => {
  await using server = await TestServer.start((_request, response) => {
    let left = 5;
    const timer = setInterval(() => {
      if (left-- > 0) return void response.write(".");
      clearInterval(timer);
      response.end();
    }, 100);
  });
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, idle_timeout: "5s" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), ".....");
});

test("connect_timeout limits the TLS handshake, too", guard, async () => {
  const silent = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  await using http = new TestExecutor();
  const { report } = await http.run({ url: `https://127.0.0.1:${port}`, connect_timeout: "100ms" });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.code, "TIMEOUT_CONNECT");
  assert.equal(report.message, "no connection within 100 ms");
  assert.equal(report.effect, "NONE");
  silent.close();
  await once(silent, "close");
});

test("timeout covers redirects as well", guard, async () => {
  await using server = await TestServer.start((request, response) => {
    if (request.url === "/hang") return;
    response.writeHead(302, { location: "/hang" }).end();
  });
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, timeout: "500ms" });
  assert.equal(report.code, "TIMEOUT_TOTAL");
  assert.equal(server.requests.length, 2);
});

for (const [what, url, code] of [
  ["a port where nobody listens", "http://127.0.0.1:1/", "CONNECTION_REFUSED"],
  ["a name that does not exist", "http://no-such-host.invalid/", "DNS_NOT_FOUND"],
] as const) {
  test(`a request to ${what} ends ${code}, with no effect`, guard, async () => {
    await using http = new TestExecutor();
    const { report } = await http.run({ url });
    assert.equal(report.outcome, "FAILED");
    // A machine without network cannot tell a wrong name from an unreachable name server.
    assert.ok([code, "DNS_UNAVAILABLE"].includes(report.code ?? ""), report.code);
    assert.match(report.message ?? "", /^cannot connect to /);
    assert.equal(report.effect, "NONE");
  });
}

test("a unix socket that does not exist refuses the connection", guard, async () => {
  await using http = new TestExecutor();
  const { report } = await http.run({ url: "http://docker/", unix_socket: "/nowhere/x.sock" });
  assert.equal(report.code, "CONNECTION_REFUSED");
  assert.equal(report.message, "cannot connect to /nowhere/x.sock: no such socket");
});

test("a server that closes instead of answering resets the connection", guard, async () => {
  await using server = await TestServer.start((_request, _response, raw) => raw.socket.destroy());
  await using http = new TestExecutor();
  const { report } = await http.run({ method: "POST", url: server.url });
  assert.equal(report.code, "CONNECTION_RESET");
  assert.equal(report.effect, undefined, "the server may have acted on it");
  assert.equal(report.retryability, undefined, "and would act on it again");
  for (const repeatable of [{ method: "PUT" }, { method: "POST", idempotency_key: "true" }]) {
    const again = await http.run({ url: server.url, ...repeatable });
    assert.deepEqual([again.report.effect, again.report.retryability], [undefined, "RETRYABLE"]);
  }
});
