import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { ListFilter } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("what the host tells of its executions", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({
      executors: ["noop", "echo", "gate", "unstarted", "deaf"],
      settings: { maxConcurrentPerExecutor: 2 },
    });
  });
  after(() => host[Symbol.asyncDispose]());

  async function ids(filter: ListFilter): Promise<readonly string[]> {
    return (await host.client.list(filter)).executions.map(({ spec }) => spec.id);
  }

  test("is all that was asked for and all that came of it", guard, async () => {
    await collect(
      host.client.execute({
        id: "full",
        executor: "echo",
        config: { text: "12345", stderr: "123" },
        jobName: "report",
        labels: { team: "data" },
        limits: { attemptTimeoutMs: 60_000 },
        retry: { maxAttempts: 3 },
      }),
    );
    const execution = await host.client.get("full");
    assert.equal(execution.state, "FINISHED");
    assert.deepEqual(execution.spec.config, { text: "12345", stderr: "123" });
    assert.equal(execution.spec.jobName, "report");
    assert.deepEqual(execution.spec.labels, { team: "data" });
    assert.equal(execution.spec.limits.attemptTimeoutMs, 60_000);
    assert.equal(execution.spec.retry.maxAttempts, 3);
    assert.equal(execution.result?.outcome, "SUCCEEDED");
    assert.equal(execution.lastSequence, 8);
    assert.deepEqual(execution.output, { stdoutBytes: 5, stderrBytes: 3, droppedBytes: 0 });
    const [attempt] = execution.attempts;
    assert.equal(execution.attempts.length, 1);
    assert(attempt !== undefined && attempt.executorPid > 0);
    assert.equal(attempt.executorVersion, "1.2.3");
    const { acceptedMs, finishedMs = 0 } = execution;
    const times = [acceptedMs, attempt.startingMs, attempt.runningMs ?? 0, attempt.finishedMs ?? 0, finishedMs];
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      "its times are in the order of its life",
    );
    assert(!times.includes(0), "no time is missing");
  });

  test("are those with all the labels that are asked for", guard, async () => {
    const request = (id: string, labels: Record<string, string>) => ({
      id,
      executor: "noop",
      jobName: "labels",
      labels,
    });
    await collect(host.client.execute(request("label-1", { team: "data", tier: "1" })));
    await collect(host.client.execute(request("label-2", { team: "data", 'a.b"c': "", tier: "2" })));
    await collect(host.client.execute(request("label-3", {})));
    const jobName = "labels";
    assert.deepEqual(await ids({ jobName, labels: { team: "data" } }), ["label-2", "label-1"]);
    assert.deepEqual(await ids({ jobName, labels: { team: "data", tier: "1" } }), ["label-1"]);
    assert.deepEqual(await ids({ jobName, labels: { team: "DATA" } }), []);
    assert.deepEqual(await ids({ jobName, labels: { 'a.b"c': "" } }), ["label-2"], "a name is not a path");
    assert.deepEqual(await ids({ jobName, labels: { other: "" } }), [], "no label is not an empty one");
    assert.deepEqual(await ids({ jobName, labels: {} }), ["label-3", "label-2", "label-1"]);
  });

  test("follows its states as they are now, in Get and in List", guard, async () => {
    const file = host.path("states");
    const request = (id: string) => ({ id, executor: "gate", config: { file }, jobName: "states" });
    const streams = ["running-1", "running-2"].map((id) => host.client.execute(request(id)));
    for (const stream of streams) await until(stream, (event) => event.type === "started");
    await host.client.submit(request("waiting"));
    await using unstarted = host.client.execute({ id: "starting", executor: "unstarted", jobName: "states" });
    await until(unstarted, (event) => event.type === "state" && event.state === "STARTING");

    assert.equal((await host.client.get("running-1")).state, "RUNNING");
    const waiting = await host.client.get("waiting");
    assert.equal(waiting.state, "QUEUED");
    assert.equal(waiting.stateReason, 'waiting for a slot: 2 of 2 are in use for executor "gate"');
    const jobName = "states";
    assert.deepEqual(await ids({ jobName, states: ["RUNNING"] }), ["running-2", "running-1"]);
    assert.deepEqual(await ids({ jobName, states: ["QUEUED"] }), ["waiting"]);
    assert.deepEqual(await ids({ jobName, states: ["STARTING"] }), ["starting"]);
    assert.deepEqual(await ids({ jobName, states: ["FINISHED"] }), []);
    assert.deepEqual(await ids({ jobName, states: ["QUEUED", "RUNNING"] }), ["waiting", "running-2", "running-1"]);
    assert.deepEqual(await ids({ jobName }), ["starting", "waiting", "running-2", "running-1"]);
    for (const execution of (await host.client.list({ jobName, states: ["RUNNING"] })).executions) {
      assert.equal(execution.state, "RUNNING");
    }

    await using deaf = host.client.execute({ id: "cancelling", executor: "deaf", config: { file }, jobName });
    await until(deaf, (event) => event.type === "output");
    await host.client.cancel("cancelling", { reason: "enough" });
    assert.deepEqual(await ids({ jobName, states: ["CANCELLING"] }), ["cancelling"]);
    assert.equal((await host.client.get("cancelling")).stateReason, "cancelled: enough");

    await host.client.cancel("starting", { graceMs: 0 });
    writeFileSync(file, "");
    const all = ["cancelling", "starting", "waiting", "running-2", "running-1"];
    await Promise.all(all.map((id) => collect(host.client.watch(id))));
    assert.deepEqual(await ids({ jobName, states: ["FINISHED"] }), all);
    assert.deepEqual(await ids({ jobName, states: ["RUNNING"] }), []);
    for (const stream of streams) await Array.fromAsync(stream);
  });

  test("can be narrowed by executor, job and outcome, all at once", guard, async () => {
    const runs = [
      { id: "n1", executor: "noop", jobName: "narrow-a" },
      { id: "e1", executor: "echo", jobName: "narrow-a", config: { text: "" } },
      { id: "e2", executor: "echo", jobName: "narrow-a", config: { text: "", exitCode: "1" } },
      { id: "e3", executor: "echo", jobName: "narrow-b", config: { text: "", exitCode: "1" } },
    ];
    for (const run of runs) await collect(host.client.execute(run));
    assert.deepEqual(await ids({ jobName: "narrow-a" }), ["e2", "e1", "n1"]);
    assert.deepEqual(await ids({ jobName: "narrow-a", executor: "echo" }), ["e2", "e1"]);
    assert.deepEqual(await ids({ jobName: "narrow-a", outcomes: ["FAILED"] }), ["e2"]);
    assert.deepEqual(await ids({ jobName: "narrow-a", outcomes: ["FAILED", "SUCCEEDED"] }), ["e2", "e1", "n1"]);
    assert.deepEqual(await ids({ jobName: "narrow-b", executor: "noop" }), []);
    assert.deepEqual(await ids({ jobName: "no such job" }), []);
  });

  test("comes in pages that neither repeat nor leave out anything", guard, async () => {
    const count = 25;
    const submit = (index: number) => host.client.submit({ id: `page-${index}`, executor: "noop", jobName: "pages" });
    for (let index = 0; index < count; index++) await submit(index);
    const seen: string[] = [];
    let pageToken = "";
    let pages = 0;
    do {
      const page = await host.client.list({ jobName: "pages", pageSize: 7, pageToken });
      assert(page.executions.length <= 7);
      seen.push(...page.executions.map(({ spec }) => spec.id));
      ({ nextPageToken: pageToken } = page);
      pages++;
      // What comes in the meantime belongs before the first page, and disturbs no later one.
      if (pages === 1) await submit(count);
    } while (pageToken !== "");
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, index) => `page-${count - 1 - index}`),
    );
    assert.equal(pages, 4);
  });

  test("has an empty token on the last page, also when that page is full", guard, async () => {
    for (const id of ["exact-1", "exact-2"]) await host.client.submit({ id, executor: "noop", jobName: "exact" });
    const page = await host.client.list({ jobName: "exact", pageSize: 2 });
    assert.equal(page.executions.length, 2);
    assert.equal(page.nextPageToken, "");
  });

  test("leaves evidence to Get", guard, async () => {
    await collect(host.client.execute({ id: "evidence", executor: "echo", config: { text: "" }, jobName: "evidence" }));
    const [listed] = (await host.client.list({ jobName: "evidence" })).executions;
    assert.equal(listed?.result?.outcome, "SUCCEEDED");
    assert.equal(listed.result.evidence, undefined);
    assert.equal((await host.client.get("evidence")).result?.evidence?.["jobName"], "evidence");
  });

  test("refuses a page token that is none", guard, async () => {
    await assert.rejects(host.client.list({ pageToken: "nonsense" }), {
      code: "SPEC_INVALID",
      message: /page_token/,
      hint: /next_page_token/,
    });
  });

  test("is nothing, plainly, for an id that is not there", guard, async () => {
    const missing = { code: "EXECUTION_NOT_FOUND", message: 'no execution has the id "nobody"' };
    await assert.rejects(host.client.get("nobody"), missing);
    await assert.rejects(host.client.cancel("nobody"), missing);
  });
});
