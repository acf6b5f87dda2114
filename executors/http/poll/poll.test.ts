import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { TestExecutor, evidence, violationOf } from "../testing/test-executor.ts";
import { TestServer, type Handler } from "../testing/test-server.ts";

const guard = { timeout: 60_000 };

/** Accepts work at `/run`; the answers to questions come in turn, the last one stays. */
function startWorker(answers: readonly Handler[], accept?: Handler): Promise<TestServer> {
  let at = 0;
  return TestServer.start((...request) => {
    const [{ method, url }, response] = request;
    if (method === "DELETE" || url.startsWith("/cancel")) return response.writeHead(204).end();
    if (url !== "/run") return answers[Math.min(at++, answers.length - 1)]?.(...request);
    if (accept !== undefined) return accept(...request);
    return response.writeHead(202, { Location: "/jobs/7" }).end("accepted");
  });
}

const answer =
  (status: number, body = "", headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);

const job = (server: TestServer, poll: Record<string, unknown> = {}) => ({
  method: "POST",
  url: `${server.url}/run`,
  body: "work",
  headers: '["X-Trace: cron","Content-Type: text/plain"]',
  poll: JSON.stringify({ interval: "10ms", ...poll }),
});

test("accepted work is asked about until it is done, and the last response is the answer", guard, async () => {
  await using server = await startWorker([answer(202), answer(202, "still"), answer(200, "result")]);
  await using http = new TestExecutor();
  const run = await http.run({ ...job(server), expectBody: "^result$", auth: "bearer", token: "t" });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.report.effect, "HAPPENED");
  assert.equal(run.stdout.toString(), "result");
  assert.equal(evidence(run, "status"), 200);
  assert.deepEqual(evidence(run, "accepted"), { url: `${server.url}/jobs/7`, questions: 3 });
  const [posted, ...questions] = server.requests;
  assert.equal(posted?.body, "work");
  for (const question of questions) {
    assert.deepEqual([question.method, question.url, question.body], ["GET", "/jobs/7", ""]);
    assert.equal(question.headers["x-trace"], "cron");
    assert.equal(question.headers["content-type"], undefined);
    assert.equal(question.headers.authorization, "Bearer t");
  }
  assert.ok(run.events.some((event) => event.type === "progress" && event.message === "not done yet: status 202"));
});

test("without poll, a 202 is the answer", guard, async () => {
  await using server = await startWorker([]);
  await using http = new TestExecutor();
  const run = await http.run({ method: "POST", url: `${server.url}/run` });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), "accepted");
});

test("with poll, any other status than 202 is the answer at once", guard, async () => {
  await using server = await startWorker([], answer(200, "done already"));
  await using http = new TestExecutor();
  const run = await http.run(job(server));
  assert.equal(run.stdout.toString(), "done already");
  assert.equal(server.requests.length, 1);
});

test("until and failed look into the body", guard, async () => {
  const states = ["queued", "running", "done"].map((state) => answer(200, JSON.stringify({ job: { state } })));
  await using server = await startWorker(states);
  await using http = new TestExecutor();
  const poll = { until: { "job.state": "done" }, failed: { "job.state": "error" } };
  const run = await http.run({ ...job(server, poll), expectJson: '{"job.state":"done"}' });
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(run.stdout.toString(), '{"job":{"state":"done"}}');
  assert.equal(evidence(run, "accepted", "questions"), 3);
  await using broken = await startWorker([answer(200, '{"job":{"state":"error"}}')]);
  const failed = await http.run(job(broken, poll));
  assert.equal(failed.report.outcome, "FAILED");
  assert.equal(failed.report.code, "WORK_FAILED");
  assert.equal(failed.report.message, 'the work has failed: job.state is "error"');
  assert.equal(failed.report.effect, "HAPPENED");
  assert.equal(failed.stdout.toString(), '{"job":{"state":"error"}}');
});

test("the place to ask can be made from the body of the 202", guard, async () => {
  const accept: Handler = (_request, response) =>
    response.writeHead(202, { "Content-Encoding": "gzip" }).end(gzipSync('{"job":{"id":"a/b","n":7}}'));
  await using server = await startWorker([answer(200, "ok")], accept);
  await using http = new TestExecutor();
  const run = await http.run(job(server, { status_url: "/state/{job.id}?n={job.n}" }));
  assert.equal(run.report.outcome, "SUCCEEDED");
  assert.equal(server.last.url, "/state/a%2Fb?n=7");
  const missing = await http.run(job(server, { status_url: "/state/{other}" }));
  assert.equal(missing.report.code, "POLL_IMPOSSIBLE");
  assert.equal(missing.report.message, "the body of the 202 has no other, as poll asks for");
  assert.equal(missing.report.effect, "HAPPENED");
});

test("a 202 that does not say where to ask is a failure", guard, async () => {
  await using server = await startWorker([], answer(202));
  await using http = new TestExecutor();
  const { report } = await http.run(job(server));
  assert.equal(report.code, "POLL_IMPOSSIBLE");
  assert.equal(report.hint, "set poll.status_url");
});

test("questions that go wrong are asked again, but not for ever, and the work is not sent twice", guard, async () => {
  const reset: Handler = (_request, _response, raw) => raw.socket.destroy();
  await using server = await startWorker([answer(503), reset, answer(202), answer(200, "ok")]);
  await using http = new TestExecutor();
  const retry = { retry_attempts: "3", retry_backoff: "1ms", idempotency_key: "true", keep_alive: "false" };
  assert.equal((await http.run({ ...job(server), ...retry })).stdout.toString(), "ok");
  await using broken = await startWorker([answer(503, "down")]);
  const run = await http.run({ ...job(broken), ...retry });
  assert.equal(run.report.message, "status 503, expected 200-299");
  assert.equal(run.stdout.toString(), "down");
  assert.equal(broken.requests.length, 7, "one POST and six questions");
});

test("poll.timeout ends the wait, and asks the server to cancel", guard, async () => {
  await using server = await startWorker([answer(202)]);
  await using http = new TestExecutor();
  const { report } = await http.run(job(server, { timeout: "200ms", cancel_method: "DELETE" }));
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.code, "TIMEOUT_POLL");
  assert.equal(report.message, "accepted work was not done within 200 ms");
  assert.equal(server.last.method, "DELETE");
  assert.equal(server.last.url, "/jobs/7");
});

test("a cancel asks the server to cancel, and tells what it said", guard, async () => {
  await using server = await startWorker([answer(202)]);
  await using http = new TestExecutor();
  const started = http.start(job(server, { cancel_url: "/cancel?job=7&token=s3cret", cancel_method: "post" }));
  await server.waitUntil(() => server.requests.length > 2);
  started.cancel({ reason: "not needed" });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.message, "stopped while waiting for accepted work: not needed");
  assert.equal(report.effect, "HAPPENED");
  assert.deepEqual(
    report.stop?.steps.map(({ action, detail }) => [action, detail]),
    [
      ["abort", "while waiting for accepted work"],
      ["cancel-request", `POST ${server.url}/cancel?job=7&token=***: status 204`],
    ],
  );
  assert.deepEqual([server.last.method, server.last.url], ["POST", "/cancel?job=7&token=s3cret"]);
});

test("a cancel without a way to tell the server says that the work goes on", guard, async () => {
  await using server = await startWorker([answer(202)]);
  await using http = new TestExecutor();
  const started = http.start(job(server));
  await server.waitUntil(() => server.requests.length > 1);
  started.cancel();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.match(report.hint ?? "", /^the server goes on with the work/);
});

test("a forced stop does not wait for the server", guard, async () => {
  await using server = await startWorker([answer(202)]);
  await using http = new TestExecutor();
  const started = http.start(job(server, { cancel_method: "DELETE" }));
  await server.waitUntil(() => server.requests.length > 1);
  started.force();
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.match(report.stop?.steps.at(-1)?.detail ?? "", /not sent, as there is no grace time$/);
});

test("poll is checked like every other key", guard, async () => {
  await using http = new TestExecutor();
  const run = await http.run({ url: "http://a.test", poll: '{"interval":"soon","unti":{}}' });
  assert.ok(violationOf(run, "poll.interval"));
  assert.equal(violationOf(run, "poll.unti"), "is not a known key");
});
