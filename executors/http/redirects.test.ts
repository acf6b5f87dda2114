import assert from "node:assert/strict";
import { test } from "node:test";

import { TestExecutor, evidence } from "./testing/test-executor.ts";
import { TestServer } from "./testing/test-server.ts";

const guard = { timeout: 60_000 };

/** Redirects `/302/x` to `/x` with that status; answers anything else. */
const hopping = (elsewhere = "") =>
  TestServer.start((request, response) => {
    const [, status, rest] = /^\/(30\d)(\/.*)$/.exec(request.url) ?? [];
    if (status === undefined) return response.end(request.method);
    return response.writeHead(Number(status), { location: elsewhere + (rest ?? "/") }).end("moved");
  });

test("redirects are followed by default, and each is told", guard, async () => {
  await using server = await hopping();
  await using http = new TestExecutor();
  const run = await http.run({ method: "POST", url: `${server.url}/302/307/end?token=s3cret`, body: "x" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "GET", "what a redirect says is no output");
  assert.deepEqual(evidence(run, "redirects"), [
    { status: 302, location: `${server.url}/307/end?token=***` },
    { status: 307, location: `${server.url}/end?token=***` },
  ]);
  assert.equal(evidence(run, "url"), `${server.url}/end?token=***`);
  assert.equal(server.accepted, 1, "on one connection");
});

test("a 307 repeats method and body", guard, async () => {
  await using server = await hopping();
  await using http = new TestExecutor();
  await http.run({ method: "PUT", url: `${server.url}/307/end`, body: "again" });
  assert.deepEqual(
    server.requests.map(({ method, body }) => [method, body]),
    [
      ["PUT", "again"],
      ["PUT", "again"],
    ],
  );
});

test("redirects=off takes the redirect as the answer", guard, async () => {
  await using server = await hopping();
  await using http = new TestExecutor();
  const failed = await http.run({ url: `${server.url}/302/end`, redirects: "off" });
  assert.equal(failed.report.message, "status 302, expected 200-299");
  assert.equal(failed.report.hint, "redirects=off does not follow this one");
  const wanted = await http.run({ url: `${server.url}/302/end`, redirects: "off", expectCode: "302" });
  assert.equal(wanted.report.outcome, "SUCCEEDED");
  assert.equal(wanted.stdout.toString(), "moved");
  assert.deepEqual(evidence(wanted, "headers", "location"), ["/end"]);
});

test("redirects=safe follows for GET only", guard, async () => {
  await using server = await hopping();
  await using http = new TestExecutor();
  const url = `${server.url}/302/end`;
  assert.equal((await http.run({ url, redirects: "safe" })).report.outcome, "SUCCEEDED");
  assert.equal((await http.run({ method: "POST", url, redirects: "safe" })).report.code, "STATUS_UNEXPECTED");
});

test("a redirect loop ends at max_redirects", guard, async () => {
  await using server = await TestServer.start((_request, response) => response.writeHead(302, { location: "/" }).end());
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url });
  assert.equal(report.code, "TOO_MANY_REDIRECTS");
  assert.match(report.message ?? "", /^more than 10 redirects, the last one to http/);
  assert.equal(server.requests.length, 11);
  server.requests.length = 0;
  await http.run({ url: server.url, max_redirects: "2" });
  assert.equal(server.requests.length, 3);
});

test("a redirect to another origin takes no credentials along", guard, async () => {
  await using other = await hopping();
  await using server = await hopping(other.url);
  await using http = new TestExecutor();
  const config = { headers: '["X-Api-Key: s3cret","Cookie: c=1","X-Trace: cron","Host: virtual.test"]' };
  await http.run({ url: `${server.url}/307/end`, auth: "bearer", token: "s3cret", ...config });
  assert.equal(server.last.headers.authorization, "Bearer s3cret");
  assert.equal(server.last.headers.host, "virtual.test");
  assert.equal(other.last.headers.authorization, undefined);
  assert.equal(other.last.headers["x-api-key"], undefined);
  assert.equal(other.last.headers.cookie, undefined);
  assert.equal(other.last.headers["x-trace"], "cron");
  assert.equal(other.last.headers.host, new URL(other.url).host);
});

test("credentials do not come back with a redirect that comes back", guard, async () => {
  await using server = await TestServer.start((request, response) => {
    if (request.url === "/end") return response.end();
    return response.writeHead(302, { location: `${other.url}/302/end` }).end();
  });
  await using other = await TestServer.start((_request, response) =>
    response.writeHead(302, { location: `${server.url}/end` }).end(),
  );
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url, auth: "basic", username: "ann", password: "s3cret" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.ok(server.requests[0]?.headers.authorization);
  assert.equal(server.requests[1]?.headers.authorization, undefined);
});

test("a redirect to what is no HTTP fails", guard, async () => {
  await using server = await TestServer.start((_request, response) =>
    response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  );
  await using http = new TestExecutor();
  const { report } = await http.run({ url: server.url });
  assert.equal(report.code, "REDIRECT_INVALID");
  assert.equal(report.message, `${server.url}/ redirects to what cannot be followed: file: URL`);
});

test("a redirect to a server that is not there leaves the effect unknown", guard, async () => {
  await using server = await hopping("http://127.0.0.1:1");
  await using http = new TestExecutor();
  const { report } = await http.run({ method: "POST", url: `${server.url}/303/end` });
  assert.equal(report.code, "CONNECTION_REFUSED");
  assert.equal(report.effect, undefined);
});

test("a redirect with a body that never ends is followed all the same", guard, async () => {
  await using server = await TestServer.start((request, response) => {
    if (request.url === "/end") return response.end("here");
    return response.writeHead(302, { location: "/end" }).write("moved");
  });
  await using http = new TestExecutor();
  const run = await http.run({ url: server.url });
  assert.equal(run.stdout.toString(), "here");
});

test("an origin that wants credentials gets none by a redirect, and the failure says so", guard, async () => {
  await using other = await TestServer.start((_request, response) => response.writeHead(401).end());
  await using server = await hopping(other.url);
  await using http = new TestExecutor();
  const { report } = await http.run({ url: `${server.url}/302/end`, auth: "bearer", token: "t" });
  assert.equal(report.message, "status 401, expected 200-299");
  assert.match(report.hint ?? "", /^credentials do not follow a redirect to another origin/);
});
