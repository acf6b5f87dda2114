import assert from "node:assert/strict";
import { test } from "node:test";

import { TestExecutor, evidence } from "./testing/test-executor.ts";
import { TestServer, type Handler } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

/** Each request gets the next answer; the last one stays. */
const inTurn = (...answers: Handler[]) => {
  let at = 0;
  return TestServer.start((...request) => answers[Math.min(at++, answers.length - 1)]?.(...request));
};

const status =
  (code: number, headers: Record<string, string> = {}, body = `status ${code}`): Handler =>
  (_request, response) =>
    response.writeHead(code, headers).end(body);
const reset: Handler = (_request, _response, raw) => raw.socket.destroy();
const retry = { retry_attempts: "3", retry_backoff: "10ms" };

test("a status that passes is tried again, and only the last body is output", guard, async () => {
  await using server = await inTurn(status(503), status(429), status(200));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, ...retry });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "status 200");
  assert.equal(server.requests.length, 3);
  assert.equal(evidence(run, "attempts", 0, "code"), "STATUS_UNEXPECTED");
  assert.equal(evidence(run, "attempts", 1, "status"), 429);
  assert.equal(evidence(run, "attempts", 2, "code"), undefined);
  assert.ok(run.events.some((event) => event.type === "progress" && event.message?.startsWith("attempt 2 of 3 in")));
});

test("the last attempt's failure is reported, with its body", guard, async () => {
  await using server = await inTurn(status(503));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, ...retry });
  assert.equal(run.report.outcome, "FAILED");
  assert.equal(run.report.message, "status 503, expected 200-299 (attempt 3)");
  assert.equal(run.stdout.toString(), "status 503");
  assert.equal(server.requests.length, 3);
});

test("without retry_attempts there is one attempt", guard, async () => {
  await using server = await inTurn(status(503));
  await using http = new TestExecutor();
  await http.run({ url: server.url });
  assert.equal(server.requests.length, 1);
});

test("a POST that may have arrived is not repeated", guard, async () => {
  await using server = await inTurn(reset, status(200));
  await using http = new TestExecutor();
  const { report } = await http.run({ method: "POST", url: server.url, ...retry });
  assert.equal(report.code, "CONNECTION_RESET");
  assert.equal(server.requests.length, 1);
});

test("a POST with an idempotency key is repeated, with the same key", guard, async () => {
  await using server = await inTurn(reset, status(500), status(200));
  await using http = new TestExecutor();
  const { report } = await http.run(
    { method: "POST", url: server.url, idempotency_key: "true", ...retry },
    { id: "run-1" },
  );
  assert.equal(report.outcome, "SUCCEEDED");
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["idempotency-key"]),
    ["run-1", "run-1", "run-1"],
  );
});

test("a POST that cannot have arrived is repeated", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ method: "POST", url: "http://127.0.0.1:1/", ...retry });
  assert.equal(run.report.code, "CONNECTION_REFUSED");
  assert.equal(run.report.effect, "NONE");
  assert.equal((evidence(run, "attempts") as unknown[]).length, 3);
});

test("Retry-After is passed on to the host when it asks for more than retry_max_backoff", guard, async () => {
  await using server = await inTurn(status(503, { "Retry-After": "120" }));
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, ...retry });
  assert.equal(server.requests.length, 1);
  assert.equal(report.retryAfterMs, 120_000);
  assert.equal(report.retryability, "RETRYABLE");
});

test("a Retry-After within the limit is waited for", guard, async () => {
  await using server = await inTurn(status(503, { "Retry-After": "1" }), status(200));
  await using http = new TestExecutor();
  const start = Date.now();
  await http.run({ url: server.url, ...retry });
  assert.ok(Date.now() - start >= 990);
});

test("no attempt begins after the execution's deadline", guard, async () => {
  await using server = await inTurn(status(503));
  await using http = new TestExecutor();
  const deadline = new Date(Date.now() + 5_000);
  const { report } = await http.run({ url: server.url, retry_attempts: "3", retry_backoff: "20s" }, { deadline });
  assert.equal(report.outcome, "FAILED");
  assert.equal(server.requests.length, 1);
});

test("nothing is tried again once a part of a body is out", guard, async () => {
  await using server = await inTurn((_request, response, raw) => {
    response.writeHead(200, { "Content-Length": 100 });
    response.write("part");
    setImmediate(() => raw.socket.destroy());
  }, status(200));
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, ...retry });
  assert.equal(run.report.code, "BODY_INCOMPLETE");
  assert.equal(run.stdout.toString(), "part");
  assert.equal(server.requests.length, 1);
});

test("retry_statuses decides which statuses pass", guard, async () => {
  await using server = await inTurn(status(404), status(503));
  await using http = new TestExecutor();
  await http.run({ url: server.url, retry_statuses: "404", ...retry });
  assert.equal(server.requests.length, 2);
});

for (const [code, retryability, effect] of [
  [400, "PERMANENT", undefined],
  [404, "PERMANENT", "NONE"],
  [429, "RETRYABLE", "NONE"],
  [500, undefined, undefined],
  [501, undefined, undefined],
  [201, undefined, "HAPPENED"],
] as const) {
  test(`an unexpected status ${code} is ${retryability}, with effect ${effect}`, guard, async () => {
    await using server = await inTurn(status(code));
    await using http = new TestExecutor();
    const { report } = await http.run({ method: "POST", url: server.url, expectCode: "200" });
    assert.equal(report.retryability, retryability);
    assert.equal(report.effect, effect);
  });
}

test("a connection that was kept and is closed meanwhile does not fail an idempotent request", guard, async () => {
  await using server = await TestServer.start((_request, response, raw) => {
    // The second request on a connection gets no answer but its end.
    const seen = raw.socket as typeof raw.socket & { used?: boolean };
    if (seen.used) return raw.socket.destroy();
    seen.used = true;
    return response.end("ok");
  });
  await using http = new TestExecutor();
  for (let round = 1; round <= 3; round++) {
    const run = await http.run({ url: server.url });
    assert.equal(run.report.outcome, "SUCCEEDED", `round ${round}`);
  }
  const post = await http.run({ method: "POST", url: server.url });
  assert.equal(post.report.code, "CONNECTION_RESET", "but it does fail others: they may have arrived");
});
