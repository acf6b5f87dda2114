import assert from "node:assert/strict";
import test from "node:test";
import { StopRequest } from "@executor-host/sdk";
import { config } from "../config.ts";
import { formatBytes, formatDuration } from "./quantities.ts";
import { reportOf, waitMessage, type JobResult } from "./report.ts";

function result(changes: Partial<JobResult>, keys: Readonly<Record<string, string>> = {}): JobResult {
  const { value } = config.parse({ command: "x", ...keys });
  assert.ok(value !== undefined);
  return {
    ending: { kind: "exited" },
    hasBegun: true,
    exit: { code: 0 },
    config: value,
    protocol: "native",
    usage: undefined,
    stop: undefined,
    evidence: { pid: 1 },
    warnings: [],
    ...changes,
  };
}

const outOfMemory = (limitOf: "job" | "others") => ({ kind: "out-of-memory", limitOf }) as const;
const cancelled = { kind: "cancelled", request: new StopRequest("enough", 1_000) } as const;

test("the outcome follows what ended the job, not how the process took it", () => {
  const exit = { code: 0 } as const;
  assert.equal(reportOf(result({ ending: cancelled, exit })).outcome, "CANCELLED");
  assert.equal(reportOf(result({ ending: { kind: "timed-out" }, exit })).outcome, "TIMED_OUT");
  assert.equal(reportOf(result({ ending: outOfMemory("job"), exit })).outcome, "OUT_OF_MEMORY");
});

test("a message says both why and how", () => {
  const exit = { signal: "SIGKILL" } as const;
  assert.equal(reportOf(result({ ending: cancelled, exit })).message, "stopped: enough (signal: killed)");
  assert.equal(
    reportOf(result({ ending: { kind: "timed-out" }, exit }, { timeout: "90s" })).message,
    "timed out after 1m30s (signal: killed)",
  );
  const usage = { peakMemoryBytes: 70 << 20, source: "cgroup" } as const;
  assert.equal(
    reportOf(result({ ending: outOfMemory("job"), exit, usage }, { mem_limit: "64MB" })).message,
    "out of memory: limit 64MB, peak 70MB (signal: killed)",
  );
});

test("a job that is killed for memory it shares with others is not told to raise a limit of its own", () => {
  for (const keys of [{}, { mem_limit: "1GB" }]) {
    const { outcome, message, hint } = reportOf(
      result({ ending: outOfMemory("others"), exit: { signal: "SIGKILL" } }, keys),
    );
    assert.equal(outcome, "OUT_OF_MEMORY");
    assert.equal(message, "out of memory: limit of the executor or the machine (signal: killed)");
    assert.match(hint ?? "", /^what the executor may have with all its jobs/);
  }
});

test("a shell that tells of SIGKILL is a reason to look at memory, and none not to try again", () => {
  const { hint, retryability } = reportOf(result({ exit: { code: 137 } }));
  assert.match(hint ?? "", /give the job a mem_limit/);
  assert.equal(retryability, undefined);
  assert.equal(reportOf(result({ exit: { code: 127 } })).retryability, "PERMANENT");
});

test("a main process that could not be killed is said to live", () => {
  assert.equal(
    reportOf(result({ ending: cancelled, exit: undefined })).message,
    "stopped: enough (the main process did not end)",
  );
});

test("a job that was ended before its program ran had no effect", () => {
  assert.equal(reportOf(result({ ending: cancelled, hasBegun: false })).effect, "NONE");
  assert.equal(reportOf(result({ ending: cancelled })).effect, undefined);
});

test("under Dkron's contract a failure always has a message", () => {
  for (const ending of [cancelled, { kind: "timed-out" } as const, outOfMemory("job")]) {
    for (const exit of [{ code: 0 }, { code: 3 }, { signal: "SIGTERM" }, undefined] as const) {
      const report = reportOf(result({ ending, exit, protocol: "dkron" }));
      assert.notEqual(report.message ?? "", "");
    }
  }
  assert.equal(reportOf(result({ protocol: "dkron" })).message, undefined);
});

test("signals have the names that Go gives them", () => {
  assert.equal(waitMessage({ signal: "SIGKILL" }), "signal: killed");
  assert.equal(waitMessage({ signal: "SIGXCPU" }), "signal: CPU time limit exceeded");
  assert.equal(waitMessage({ signal: "SIGUSR1" }), "signal: user defined signal 1");
  assert.equal(waitMessage({ code: 0 }), undefined);
  assert.equal(waitMessage({ code: 2 }), "exit status 2");
});

test("durations and sizes are written for people", () => {
  assert.deepEqual([250, 1_500, 60_000, 5_400_000, 3_601_000].map(formatDuration), [
    "250ms",
    "1.5s",
    "1m",
    "1h30m",
    "1h1s",
  ]);
  assert.deepEqual([1, 1_024, 64 << 20, 1.5 * 2 ** 30].map(formatBytes), ["1B", "1KB", "64MB", "1.5GB"]);
});
