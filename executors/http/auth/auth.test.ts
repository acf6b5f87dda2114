import assert from "node:assert/strict";
import { test } from "node:test";

import { startDigestServer } from "../testing/digest-server.ts";
import { TestExecutor, violationOf } from "../testing/test-executor.ts";
import { TestServer, type Handler } from "../testing/test-server.ts";

const guard = { timeout: 60_000 };

const echoAuthorization = () =>
  TestServer.start((request, response) => response.end(request.headers.authorization ?? "nobody"));

test("auth=basic sends user and password", guard, async () => {
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  await http.run({ url: server.url, auth: "basic", username: "änn", password: "a:b" });
  assert.equal(server.last.headers.authorization, `Basic ${Buffer.from("änn:a:b").toString("base64")}`);
});

test("auth=bearer sends the token", guard, async () => {
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  await http.run({ url: server.url, auth: "bearer", token: "t-1" });
  assert.equal(server.last.headers.authorization, "Bearer t-1");
});

test("user and password in the URL are sent as basic authentication", guard, async () => {
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  await http.run({ url: `http://a%40b:c%3Ad@127.0.0.1:${server.port}/x` });
  assert.equal(server.last.headers.authorization, `Basic ${Buffer.from("a@b:c:d").toString("base64")}`);
  assert.equal(server.last.url, "/x");
});

for (const [what, config, key, message] of [
  ["auth=basic without user", { auth: "basic" }, "username", "is required with auth=basic"],
  ["auth=bearer without token", { auth: "bearer" }, "token", "is required with auth=bearer"],
  ["a token without auth", { token: "t" }, "token", "has no effect without auth"],
  [
    "a password with auth=bearer",
    { auth: "bearer", token: "t", password: "p" },
    "password",
    "has no effect with auth=bearer",
  ],
  ["auth=oauth2 without server", { auth: "oauth2" }, "oauth2_token_url", "is required with auth=oauth2"],
  [
    "auth besides an Authorization header",
    { auth: "bearer", token: "t", headers: '["authorization: x"]' },
    "auth",
    "cannot be combined with an Authorization header",
  ],
] as const) {
  test(`${what} is refused`, guard, async () => {
    await using http = new TestExecutor();
    const run = await http.run({ url: "http://a.test", ...config });
    assert.equal(run.report.outcome, "REJECTED");
    assert.equal(violationOf(run, key), message);
  });
}

for (const algorithm of ["MD5", "SHA-256"] as const) {
  test(`auth=digest answers a challenge with ${algorithm}`, guard, async () => {
    await using server = await startDigestServer({ algorithm });
    await using http = new TestExecutor();
    const run = await http.run({
      method: "POST",
      url: `${server.url}/p?q=1`,
      body: "content",
      auth: "digest",
      username: "ann",
      password: "s3cret",
    });
    assert.equal(run.stdout.toString(), "hello ann: content");
    assert.equal(server.requests.length, 2);
    assert.ok(!JSON.stringify(run.report).includes("s3cret"));
  });
}

test("auth=digest with a wrong password fails, without asking again and again", guard, async () => {
  await using server = await startDigestServer();
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, auth: "digest", username: "ann", password: "wr0ng" });
  assert.equal(report.message, "status 401, expected 200-299");
  assert.equal(report.effect, "NONE");
  assert.equal(server.requests.length, 2);
});

test("auth=digest answers anew when its nonce has become too old, also after a redirect", guard, async () => {
  await using server = await startDigestServer({ usesPerNonce: 1 });
  await using http = new TestExecutor();
  const run = await http.run({ url: `${server.url}/moved`, auth: "digest", username: "ann", password: "s3cret" });
  assert.equal(run.stdout.toString(), "hello ann: ");
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    ["/moved", "/moved", "/end", "/end"],
  );
});

test("auth=digest gives up on a server that is never content", guard, async () => {
  await using server = await startDigestServer({ usesPerNonce: 0 });
  await using http = new TestExecutor();
  const { report } = await http.run({
    url: server.url,
    auth: "digest",
    username: "ann",
    password: "s3cret",
    timeout: "0",
  });
  assert.equal(report.message, "status 401, expected 200-299");
  assert.equal(server.requests.length, 4);
});

test("auth=digest fails where digest is not offered", guard, async () => {
  await using server = await TestServer.start((_request, response) =>
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end(),
  );
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url, auth: "digest", username: "ann", password: "s3cret" });
  assert.equal(report.code, "AUTH_FAILED");
  assert.equal(report.retryability, "PERMANENT");
});

/** Gives out token-1, token-2 ... to client `c` with secret `s3cret`. */
function startTokenServer(more: Record<string, unknown> = {}): Promise<TestServer> {
  let given = 0;
  return TestServer.start((request, response) => {
    const form = new URLSearchParams(request.body);
    const admitted =
      request.headers.authorization === `Basic ${Buffer.from("c:s3cret").toString("base64")}` ||
      (form.get("client_id") === "c" && form.get("client_secret") === "s3cret");
    response.setHeader("Content-Type", "application/json");
    if (!admitted) return response.writeHead(401).end('{"error":"invalid_client"}');
    given++;
    return response.end(
      JSON.stringify({ access_token: `token-${given}`, token_type: "Bearer", expires_in: 3600, ...more }),
    );
  });
}

const oauth2 = (tokens: TestServer) => ({
  auth: "oauth2",
  oauth2_token_url: `${tokens.url}/token`,
  oauth2_client_id: "c",
  oauth2_client_secret: "s3cret",
});

test("auth=oauth2 gets a token and keeps it", guard, async () => {
  await using tokens = await startTokenServer();
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  const config = { url: server.url, ...oauth2(tokens), oauth2_scope: "jobs:run", oauth2_audience: "api" };
  assert.equal((await http.run(config)).stdout.toString(), "Bearer token-1");
  assert.equal((await http.run(config)).stdout.toString(), "Bearer token-1");
  assert.equal(tokens.requests.length, 1);
  assert.equal(tokens.last.body, "grant_type=client_credentials&scope=jobs%3Arun&audience=api");
  assert.equal((await http.run({ ...config, oauth2_scope: "other" })).stdout.toString(), "Bearer token-2");
});

test("auth=oauth2 can send its credentials in the body", guard, async () => {
  await using tokens = await startTokenServer();
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  await http.run({ url: server.url, ...oauth2(tokens), oauth2_client_auth: "body" });
  assert.equal(tokens.last.headers.authorization, undefined);
  assert.match(tokens.last.body, /client_id=c&client_secret=s3cret/);
});

test("auth=oauth2 asks again before a token expires", guard, async () => {
  await using tokens = await startTokenServer({ expires_in: 5 });
  await using server = await echoAuthorization();
  await using http = new TestExecutor();
  const config = { url: server.url, ...oauth2(tokens) };
  await http.run(config);
  assert.equal((await http.run(config)).stdout.toString(), "Bearer token-2");
});

test("auth=oauth2 renews a token that is refused, once", guard, async () => {
  await using tokens = await startTokenServer();
  const refusing: Handler = (request, response) => {
    const good = request.headers.authorization === "Bearer token-2";
    response.writeHead(good ? 200 : 401).end(request.headers.authorization);
  };
  await using server = await TestServer.start(refusing);
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, ...oauth2(tokens) });
  assert.equal(run.stdout.toString(), "Bearer token-2");
  const second = await http.run({ url: `${server.url}/other`, ...oauth2(tokens), oauth2_scope: "x" });
  assert.equal(second.report.message, "status 401, expected 200-299");
  assert.equal(tokens.requests.length, 4);
});

for (const [what, answer, code, message, retryability] of [
  [
    "that refuses the client",
    [401, '{"error":"invalid_client"}'],
    "AUTH_FAILED",
    "token server answered with status 401 (invalid_client), expected 200",
    "PERMANENT",
  ],
  [
    "in trouble",
    [503, "later"],
    "TOKEN_UNAVAILABLE",
    "token server answered with status 503, expected 200",
    "RETRYABLE",
  ],
  ["without a token", [200, "{}"], "AUTH_FAILED", "token server sent no access_token", "PERMANENT"],
  ["that sends no JSON", [200, "<html>"], "AUTH_FAILED", "token server sent no access_token", "PERMANENT"],
  [
    "with another type of token",
    [200, '{"access_token":"t","token_type":"mac"}'],
    "AUTH_FAILED",
    'token server sent a token of another type: "mac", expected bearer',
    "PERMANENT",
  ],
  [
    "that sends too much",
    [200, "x".repeat(100_000)],
    "AUTH_FAILED",
    "token server sent more than 65536 bytes",
    "PERMANENT",
  ],
] as const) {
  test(`a token server ${what} fails the execution before anything is sent`, guard, async () => {
    await using tokens = await TestServer.start((_request, response) => response.writeHead(answer[0]).end(answer[1]));
    await using server = await echoAuthorization();
    await using http = new TestExecutor();
    const { report } = await http.run({ url: server.url, ...oauth2(tokens) });
    assert.equal(report.code, code);
    assert.equal(report.message, message);
    assert.equal(report.retryability, retryability);
    assert.equal(report.effect, "NONE");
    assert.equal(server.accepted, 0);
  });
}

test("a token server that is not there is named as what is missing", guard, async () => {
  await using http = new TestExecutor();
  const { report } = await http.run({
    url: "http://a.test",
    auth: "oauth2",
    oauth2_token_url: "http://127.0.0.1:1/token",
    oauth2_client_id: "c",
    oauth2_client_secret: "s3cret",
  });
  assert.equal(report.code, "TOKEN_UNAVAILABLE");
  assert.equal(report.message, "token server: cannot connect to 127.0.0.1:1: connection refused");
});

test("a cancel while waiting for a token has no effect", guard, async () => {
  await using tokens = await TestServer.start(() => {});
  await using http = new TestExecutor();
  const started = http.start({ url: "http://a.test", ...oauth2(tokens) });
  await tokens.waitUntil(() => tokens.requests.length === 1);
  started.cancel();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.effect, "NONE");
});
