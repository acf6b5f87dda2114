import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { status, type ServiceError } from "@grpc/grpc-js";
import { ExecuteRequest, ExecutorServiceClient, type ExecuteResponse } from "@executor-host/proto/executor";
import { isHostError } from "@executor-host/proto/shared/error";
import { launchExecutor, type LaunchedExecutor } from "../testing/index.ts";

const fixture = (name: string): string => `${import.meta.dirname}/../fixtures/${name}.ts`;
const guard = { timeout: 60_000 };

let sample: LaunchedExecutor;
before(async () => {
  sample = await launchExecutor(fixture("sample-executor"));
}, guard);
after(async () => {
  const { code, signal } = await sample.plugin.stop();
  await sample[Symbol.asyncDispose]();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
}, guard);

test("Describe tells who the executor is and which config it takes", guard, async () => {
  const { configSchema, ...rest } = await sample.describe();
  assert.deepEqual(rest, {
    name: "sample",
    version: "1.2.3",
    summary: "Behaves as told",
    capabilities: {
      cancel: true,
      attach: false,
      probe: true,
      idempotent: false,
      maxConcurrentExecutions: 0,
      heartbeat: false,
      setDeadline: false,
    },
  });
  assert.deepEqual(configSchema["required"], ["do"]);
});

test("Validate answers with violations, down to contradictions between keys", guard, async () => {
  assert.deepEqual(await sample.validate({ do: "echo" }), []);
  assert.deepEqual(await sample.validate({ do: "echo", txet: "x", token: "hunter2" }), [
    { field: "token", message: "the value does not match ^t-", hint: "" },
    { field: "txet", message: "is not a known key", hint: "did you mean text?" },
  ]);
  assert.deepEqual(await sample.validate({ do: "resist" }), [
    { field: "text", message: "is required", hint: "name a file" },
  ]);
});

test("Execute streams events in order and ends with the report", guard, async () => {
  const run = await sample.execute({ do: "echo", text: "hi" });
  assert.deepEqual(
    run.events.map(({ sequence, type }) => [sequence, type]),
    [
      [1, "started"],
      [2, "output"],
      [3, "output"],
      [4, "result"],
    ],
  );
  assert.equal(run.stdout.toString(), "out hi\n");
  assert.equal(run.stderr.toString(), "err hi\n");
  assert.deepEqual(run.report, {
    outcome: "SUCCEEDED",
    exitCode: 0,
    effect: "NONE",
    evidence: { text: "hi" },
    violations: [],
    warnings: ["this is a test"],
  });
});

test("Execute passes everything of the request on", guard, async () => {
  const given = {
    id: "e-1",
    attempt: 3,
    jobName: "nightly",
    deadline: new Date("2030-01-01T00:00:00.250Z"),
    labels: { team: "a" },
    traceContext: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  };
  const { stdout } = await sample.execute({ do: "tell" }, given);
  assert.deepEqual(JSON.parse(stdout.toString()), {
    ...given,
    deadline: given.deadline.toISOString(),
    protocol: "native",
  });
});

test("Execute ends REJECTED without a start when the config is refused", guard, async () => {
  const { events, report } = await sample.execute({ do: "resist" });
  assert.deepEqual(
    events.map(({ type }) => type),
    ["result"],
  );
  assert.equal(report.outcome, "REJECTED");
  assert.equal(report.retryability, "PERMANENT");
  assert.deepEqual(report.violations, [{ field: "text", message: "is required", hint: "name a file" }]);
});

test("Execute reports what is thrown, and the process goes on", guard, async () => {
  const known = await sample.execute({ do: "fail" });
  assert.deepEqual(
    [known.report.outcome, known.report.code, known.report.message, known.report.hint, known.report.retryability],
    ["FAILED", "CONNECT_FAILED", "nobody there", "start it", "RETRYABLE"],
  );
  const bug = await sample.execute({ do: "bug" });
  assert.deepEqual([bug.report.outcome, bug.report.code, bug.report.message], ["FAILED", "INTERNAL", "off by one"]);
  await sample.waitForLog(({ level, message }) => level === "error" && message === "execute threw");
});

test("Execute survives a rejection that nobody handles", guard, async () => {
  const neighbour = sample.start({ do: "wait" });
  await neighbour.waitForStarted();
  const { report, stdout } = await sample.execute({ do: "stray" });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.equal(stdout.toString(), "survived");
  assert.equal(await sample.cancel(neighbour.id), "STOPPING");
  assert.equal((await neighbour.finished).report.outcome, "CANCELLED");
  const { fields } = await sample.waitForLog(({ message }) => message === "unhandled rejection");
  assert.equal(fields["error"], "nobody waits for me");
});

test("Execute delivers the outcome of a report that cannot be encoded", guard, async () => {
  const { report } = await sample.execute({ do: "odd" });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.match(report.warnings?.[0] ?? "", /^the rest of the report could not be sent: /);
});

test("Execute runs many executions at once, each with its own output", guard, async () => {
  const runs = await Promise.all(
    Array.from({ length: 50 }, (_, index) => sample.execute({ do: "echo", text: String(index) })),
  );
  for (const [index, run] of runs.entries()) assert.equal(run.output.toString(), `out ${index}\nerr ${index}\n`);
});

test("Execute delivers 100 MiB byte by byte, in frames without gaps", guard, async () => {
  const client = sample.plugin.client(ExecutorServiceClient);
  const hash = createHash("sha256");
  let bytes = 0;
  let sequence = 0;
  let sha256: unknown;
  const call = client.execute(request("flood-100", { do: "flood", size: "100MB" }));
  for await (const { events } of call as AsyncIterable<ExecuteResponse>) {
    for (const event of events) {
      sequence += 1;
      assert.equal(event.sequence, sequence);
      const { kind } = event;
      if (kind?.$case === "output") {
        assert.equal(kind.value.offset, bytes);
        assert.ok(kind.value.data.length <= 64 * 1024);
        bytes += kind.value.data.length;
        hash.update(kind.value.data);
      } else if (kind?.$case === "result") sha256 = kind.value.evidence?.["sha256"];
    }
  }
  assert.equal(bytes, 100 * 1024 * 1024);
  assert.equal(hash.digest("hex"), sha256);
});

test("Execute stops taking output while the stream is not read, and a dropped call ends the job", guard, async () => {
  const flooded = async (): Promise<number> => Number((await sample.probe({ do: "flood" })).details?.["floodedBytes"]);
  const start = await flooded();
  const call = sample.plugin.client(ExecutorServiceClient).execute(request("flood-slow", { do: "flood", size: "1GB" }));
  const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve));
  await new Promise((resolve) => call.once("data", resolve));
  call.pause();
  let last = -1;
  let same = 0;
  // Written bytes stand still: whatever time it takes.
  while (same < 20) {
    const now = await flooded();
    same = now === last ? same + 1 : 0;
    last = now;
  }
  assert.ok(last - start < 16 * 1024 * 1024, `took ${last - start} bytes`);
  call.cancel();
  assert.equal((await ended).code, status.CANCELLED);
  while ((await sample.cancel("flood-slow")) === "STOPPING") await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await sample.cancel("flood-slow"), "FINISHED");
});

test("Execute refuses an execution that is running already", guard, async () => {
  const first = sample.start({ do: "wait" }, { id: "twice" });
  await first.waitForStarted();
  await assert.rejects(sample.execute({ do: "echo" }, { id: "twice" }), { code: "EXECUTION_ID_CONFLICT" });
  const call = sample.plugin.client(ExecutorServiceClient).execute(request("twice", { do: "echo" }));
  call.resume();
  const error = await new Promise<ServiceError>((resolve) => call.on("error", resolve));
  assert.equal(error.code, status.ALREADY_EXISTS);
  const second = await sample.execute({ do: "echo" }, { id: "twice", attempt: 2 });
  assert.equal(second.report.outcome, "SUCCEEDED");
  first.cancel();
  await first.finished;
  const again = await sample.execute({ do: "echo" }, { id: "twice" });
  assert.equal(again.report.outcome, "SUCCEEDED");
});

test("Cancel carries reason and grace, and output still flows", guard, async () => {
  const run = sample.start({ do: "wait" });
  assert.deepEqual(await run.waitForStarted(), { target: "the end of time" });
  assert.equal(await sample.cancel(run.id, { reason: "too slow", graceMs: 1_500 }), "STOPPING");
  const { report, stderr } = await run.finished;
  assert.deepEqual([report.outcome, report.message, report.evidence], ["CANCELLED", "too slow", { graceMs: 1_500 }]);
  assert.equal(stderr.toString(), "stopping\n");
  assert.equal(await sample.cancel(run.id), "FINISHED");
  assert.equal(await sample.cancel("never heard of"), "UNKNOWN");
});

test("Cancel without grace uses the default", guard, async () => {
  const run = sample.start({ do: "wait" });
  await run.waitForStarted();
  await sample.cancel(run.id);
  assert.deepEqual((await run.finished).report.evidence, { graceMs: 10_000 });
});

test("SetDeadline changes the deadline of a running execution", guard, async () => {
  await using watchful = await launchExecutor(fixture("watchful-executor"));
  assert.equal((await watchful.describe()).capabilities.setDeadline, true);
  const run = watchful.start({}, { deadline: new Date("2040-01-01T00:00:00Z") });
  await run.waitForOutput("2040-01-01T00:00:00.000Z");
  assert.equal(await watchful.setDeadline(run.id, new Date("2041-01-01T00:00:00Z")), true);
  await run.waitForOutput("2041-01-01T00:00:00.000Z");
  assert.equal(await watchful.setDeadline(run.id, undefined), true);
  await run.waitForOutput("none");
  assert.equal(await watchful.setDeadline(run.id, undefined, 2), false, "another attempt");
  run.cancel();
  await run.finished;
  assert.equal(await watchful.setDeadline(run.id, undefined), false);
});

test("heartbeats and usage travel with all their parts", guard, async () => {
  await using watchful = await launchExecutor(fixture("watchful-executor"));
  const run = watchful.start({}, { heartbeatTimeoutMs: 60_000, heartbeatDetails: { row: 1, deep: [{ a: null }] } });
  const beat = await run.waitFor((event) => event.type === "heartbeat");
  assert.deepEqual(beat, {
    ...beat,
    fromWork: true,
    details: { timeoutMs: 60_000, was: { row: 1, deep: [{ a: null }] } },
  });
  const usage = await run.waitFor((event) => event.type === "usage");
  assert.deepEqual(usage, {
    ...usage,
    ...{ cpuTimeMs: 1.5, memoryBytes: 2 ** 40, peakMemoryBytes: 2 ** 41, processes: 3, readBytes: 4, writtenBytes: 0 },
    source: "cgroup",
  });
  run.cancel();
  await run.finished;
});

test("Probe answers with what was learned, or why not", guard, async () => {
  const { ok, message, details } = await sample.probe({ do: "echo" });
  assert.deepEqual([ok, message, typeof details?.["durationMs"]], [true, "here", "number"]);
  const refused = await sample.probe({ do: "fail" });
  assert.deepEqual([refused.ok, refused.message, refused.code], [false, "nobody there", "CONNECT_FAILED"]);
  const invalid = await sample.probe({});
  assert.deepEqual(
    [invalid.ok, invalid.message, invalid.code],
    [false, "invalid config: do is required", "CONFIG_INVALID"],
  );
});

test("an executor answers UNIMPLEMENTED to what it does not offer", guard, async () => {
  await using plain = await launchExecutor(fixture("plain-executor"));
  const client = plain.plugin.client(ExecutorServiceClient);
  const codes = await Promise.all([
    codeOf((done) => client.cancel({ executionId: "x", reason: "", grace: undefined }, done)),
    codeOf((done) => client.probe({ config: {} }, done)),
    codeOf((done) => client.setDeadline({ executionId: "x", attempt: 1, deadline: undefined }, done)),
    codeOf((done) => client.attach({ executionId: "x", fromSequence: 0 }).on("error", done).resume()),
  ]);
  assert.deepEqual(codes, Array(4).fill(status.UNIMPLEMENTED));
});

test("an executor takes no more executions than it says", guard, async () => {
  await using plain = await launchExecutor(fixture("plain-executor"));
  assert.equal((await plain.describe()).capabilities.maxConcurrentExecutions, 1);
  const first = plain.start({});
  await first.waitForStarted();
  const error = await plain.execute({}).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isHostError(error));
  assert.deepEqual(
    [error.code, error.message],
    ["QUEUE_FULL", "executor plain is running all the executions it takes: 1"],
  );
  first.force();
  await assert.rejects(first.finished);
});

function request(executionId: string, config: Record<string, string>) {
  return ExecuteRequest.create({ executionId, attempt: 1, config });
}

function codeOf(start: (done: (error: ServiceError | null) => void) => unknown): Promise<status | undefined> {
  return new Promise((resolve) => start((error) => resolve(error?.code)));
}
