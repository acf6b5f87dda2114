import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  defineConfig,
  defineExecutor,
  HostError,
  type StopRequest,
  text,
  type Execution,
  type Report,
} from "../index.ts";
import { runExecutor, startExecutor } from "../testing/index.ts";

const wordConfig = defineConfig({ word: text({ summary: "A word.", required: true }) });
type Body = (execution: Execution<{ readonly word: string }>) => Promise<Report>;

function executor(execute: Body): ReturnType<typeof defineExecutor<{ readonly word: string }>> {
  return defineExecutor({
    name: "sample",
    version: "1.0.0",
    summary: "For tests.",
    config: wordConfig,
    capabilities: { cancel: true },
    check: ({ word }) => (word === "forbidden" ? [{ field: "word", message: "must not be used", hint: "" }] : []),
    execute,
  });
}

const given = { word: "hi" };
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));

test("an execution numbers its events without gaps, started first and result last", async () => {
  const run = await runExecutor(
    executor(async ({ config, stdout, stderr, progress, warn }) => {
      stdout.write(`${config.word}\n`);
      stderr.write("oh\n");
      stdout.write("there\n");
      progress({ fraction: 0.5, message: "half" });
      warn("careful");
      return { outcome: "SUCCEEDED", exitCode: 0, warnings: ["done"] };
    }),
    given,
  );
  assert.deepEqual(
    run.events.map((event) => event.type),
    ["started", "output", "output", "output", "progress", "result"],
  );
  assert.deepEqual(
    run.events.map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal(run.output.toString(), "hi\noh\nthere\n");
  assert.equal(run.stdout.toString(), "hi\nthere\n");
  assert.equal(run.stderr.toString(), "oh\n");
  assert.deepEqual(
    run.events.flatMap((event) => (event.type === "output" ? [[event.channel, event.offset]] : [])),
    [
      ["stdout", 0],
      ["stderr", 0],
      ["stdout", 3],
    ],
  );
  assert.deepEqual(run.report, {
    outcome: "SUCCEEDED",
    message: undefined,
    code: undefined,
    exitCode: 0,
    warnings: ["careful", "done"],
  });
});

test("an execution whose config is refused starts nothing", async () => {
  let called = false;
  const sample = executor(async () => {
    called = true;
    return { outcome: "SUCCEEDED" };
  });
  const unknown = await runExecutor(sample, { word: "hi", wrod: "ho" });
  assert.deepEqual(
    unknown.events.map(({ type }) => type),
    ["result"],
  );
  assert.equal(unknown.report.outcome, "REJECTED");
  assert.equal(unknown.report.message, "invalid config: wrod is not a known key");
  assert.deepEqual(unknown.report.violations, [
    { field: "wrod", message: "is not a known key", hint: "did you mean word?" },
  ]);
  const contradiction = await runExecutor(sample, { word: "forbidden" });
  assert.equal(contradiction.report.outcome, "REJECTED");
  assert.equal(called, false);
  const lenient = await runExecutor(sample, { word: "hi", wrod: "ho" }, { protocol: "dkron" });
  assert.equal(lenient.report.outcome, "SUCCEEDED");
  assert.match(lenient.report.warnings?.[0] ?? "", /^wrod is not a known key/);
});

test("an execution that throws ends in the report its error calls for", async () => {
  const reportOf = async (error: unknown): Promise<Report> => {
    const { report } = await runExecutor(
      executor(async () => {
        throw error as Error;
      }),
      given,
    );
    return report;
  };
  const known = await reportOf(
    new HostError("CONNECT_FAILED", "cannot reach it:\n  refused", { hint: "start it", retryAfterMs: 5_000 }),
  );
  assert.deepEqual(
    [known.outcome, known.message, known.hint, known.code, known.retryability, known.retryAfterMs],
    ["FAILED", "cannot reach it: refused", "start it", "CONNECT_FAILED", "RETRYABLE", 5_000],
  );
  const violations = [{ field: "word", message: "is taken", hint: "take another" }];
  const refused = await reportOf(new ConfigError(violations));
  assert.equal(refused.outcome, "REJECTED");
  assert.deepEqual(refused.violations, violations);
  const unknown = await reportOf(new RangeError("bug"));
  assert.deepEqual([unknown.outcome, unknown.message, unknown.code], ["FAILED", "bug", "INTERNAL"]);
});

test("an execution that returns no report fails", async () => {
  const run = await runExecutor(
    executor(async () => undefined as unknown as Report),
    given,
  );
  assert.equal(run.report.outcome, "FAILED");
  assert.match(run.report.message ?? "", /execute must return a report/);
  assert.equal(run.logs.at(-1)?.level, "error");
});

test("an execution that is cancelled sees why and for how long, and ends CANCELLED when it throws", async () => {
  const run = startExecutor(
    executor(async ({ started, signal }) => {
      started("sleeper");
      return await untilAborted(signal);
    }),
    given,
  );
  assert.deepEqual(await run.waitForStarted(), { target: "sleeper" });
  run.cancel({ reason: "operator said so", graceMs: 7 });
  run.cancel({ reason: "too late" });
  const { report } = await run.finished;
  assert.deepEqual([report.outcome, report.message, report.warnings], ["CANCELLED", "stopped: operator said so", []]);
});

test("an execution that is forced sees its stop signal abort first", async () => {
  const order: string[] = [];
  const run = startExecutor(
    executor(async ({ signal, forceSignal }) => {
      signal.addEventListener("abort", () => order.push(`stop ${(signal.reason as StopRequest).graceMs}`));
      forceSignal.addEventListener("abort", () => order.push("force"));
      await untilAborted(forceSignal);
      return { outcome: "CANCELLED" };
    }),
    given,
  );
  run.force();
  await run.finished;
  assert.deepEqual(order, ["stop 0", "force"]);
});

test("an execution says that it is alive while it is silent", async () => {
  const run = startExecutor(
    executor(async ({ started, signal }) => {
      started("sleeper");
      await untilAborted(signal).catch(() => undefined);
      return { outcome: "SUCCEEDED" };
    }),
    given,
    { timeouts: { heartbeatMs: 1 } },
  );
  await run.waitFor((event) => event.type === "heartbeat" && event.sequence > 2);
  run.cancel();
  const { events } = await run.finished;
  assert.deepEqual(new Set(events.slice(1, -1).map(({ type }) => type)), new Set(["heartbeat"]));
});

test("an execution sends a few of its work's heartbeats, and the last one in any case", async () => {
  const run = await runExecutor(
    executor(async ({ heartbeat, heartbeatDetails }) => {
      assert.deepEqual(heartbeatDetails, { row: 7 });
      for (let row = 8; row <= 1_000; row++) heartbeat({ row });
      heartbeat(); // takes nothing of the details back
      return { outcome: "FAILED", message: "lost" };
    }),
    given,
    { heartbeatTimeoutMs: 4 * 3_600_000, heartbeatDetails: { row: 7 }, timeouts: { heartbeatMs: 3_600_000 } },
  );
  const beats = run.events.flatMap((event) => (event.type === "heartbeat" ? [[event.fromWork, event.details]] : []));
  assert.deepEqual(beats, [
    [true, { row: 8 }],
    [true, { row: 1_000 }],
  ]);
  assert.equal(run.events[0]?.type, "started");
  assert.equal(run.events.at(-1)?.type, "result");
});

test("an execution fails by details of a heartbeat that no host would take", async () => {
  const { report } = await runExecutor(
    executor(async ({ heartbeat }) => {
      heartbeat({ everything: "x".repeat(65_536) });
      return { outcome: "SUCCEEDED" };
    }),
    given,
  );
  assert.equal(report.message, "details of a heartbeat are too large: 65553 bytes of JSON, at most 65536");
});

test("an execution tells of its usage when it has changed, and not too often", async () => {
  const run = startExecutor(
    executor(async ({ usage, signal }) => {
      for (const cpuTimeMs of [1, 1, 2, 3, 3]) usage({ cpuTimeMs, memoryBytes: 5, source: "sampled" });
      return await untilAborted(signal);
    }),
    given,
    { timeouts: { usageMs: 20 } },
  );
  await run.waitFor((event) => event.type === "usage" && event.cpuTimeMs === 3);
  run.cancel();
  const { events } = await run.finished;
  assert.deepEqual(
    events.flatMap((event) => (event.type === "usage" ? [event.cpuTimeMs] : [])),
    [1, 3],
  );
});

test("an execution passes on what came with its request", async () => {
  const request = {
    id: "e-1",
    attempt: 2,
    jobName: "nightly",
    deadline: new Date("2030-01-01T00:00:00Z"),
    labels: { team: "a" },
    traceContext: { traceparent: "00-1-2-01" },
  };
  await runExecutor(
    executor(async ({ id, attempt, jobName, deadline, labels, traceContext }) => {
      assert.deepEqual({ id, attempt, jobName, deadline, labels, traceContext }, request);
      return { outcome: "SUCCEEDED" };
    }),
    given,
    request,
  ).then(({ report }) => assert.equal(report.outcome, "SUCCEEDED", report.message));
});

test("an execution takes nothing more after its end", async () => {
  let late: Execution<unknown> | undefined;
  const { events } = await runExecutor(
    executor(async (execution) => {
      late = execution;
      return { outcome: "SUCCEEDED" };
    }),
    given,
  );
  const count = events.length;
  assert.equal(late?.stdout.write("late"), true);
  late.progress({ message: "late" });
  late.heartbeat({ late: true });
  late.usage({ cpuTimeMs: 1, source: "cgroup" });
  late.started("late");
  await late.stdout.drained();
  assert.equal(events.length, count);
});
