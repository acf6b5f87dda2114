import assert from "node:assert/strict";
import { test } from "node:test";
import { guard, scene } from "./fixtures/scene.ts";

test("submit prints the id, and detaching is the same", guard, async (t) => {
  const { run } = await scene(t);
  const first = await run("submit", "shell", "--id", "s1");
  assert.deepEqual([first.code, first.stdout, first.stderr], [0, "s1\n", ""]);
  const again = await run("run", "shell", "--detach", "--id", "s1");
  assert.deepEqual([again.stdout, again.stderr], ["s1\n", "this id was known already; nothing new was started\n"]);
  const chosen = await run("submit", "shell", "--json");
  const { execution } = JSON.parse(chosen.stdout) as { execution: { spec: { id: string } } };
  assert.match(execution.spec.id, /^[0-9a-f-]{36}$/);
});

test("watch reads an execution again and exits as it ended", guard, async (t) => {
  const { run } = await scene(t);
  await run("submit", "shell", "--id", "w", "stdout=text", "outcome=FAILED", "exit=4");
  const watched = await run("watch", "w", "-q");
  assert.deepEqual([watched.code, watched.stdout, watched.stderr], [4, "text", ""]);
  const part = await run("watch", "w", "--from", "6", "--json");
  assert.deepEqual(
    part.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence),
    [6],
  );
  await run("submit", "shell", "--id", "going-on", "wait=ever", "stdout=so far");
  const sofar = await run("watch", "going-on", "--no-follow");
  assert.deepEqual([sofar.code, sofar.stdout], [0, "so far"]);
  const none = await run("watch", "none");
  assert.deepEqual([none.code, none.stderr], [64, "error: no execution with this id: none\n"]);
});

test("cancel stops several, and one that is not there does not keep it from the others", guard, async (t) => {
  const { host, run } = await scene(t);
  await run("submit", "shell", "--id", "a", "wait=cancel");
  await run("submit", "shell", "--id", "b", "wait=cancel");
  const { code, stdout, stderr } = await run("cancel", "a", "none", "b", "--reason", "enough");
  assert.deepEqual([code, stdout], [1, "a  cancelled\nb  cancelled\n"]);
  assert.equal(stderr, "error: no execution with this id: none\n");
  assert.equal(host.executions.get("b")?.cancelReason, "enough");
});

test("extend gives more time, sets limits and lifts them", guard, async (t) => {
  const { host, run } = await scene(t);
  await run("submit", "shell", "--id", "x", "wait=cancel", "--attempt-timeout", "10m");
  const more = await run("extend", "x", "--attempt-timeout", "+5m", "--timeout", "2h", "--reason", "slow disk");
  assert.deepEqual([more.code, more.stdout, more.stderr], [0, "x  timeout=2h attempt-timeout=15m\n", ""]);
  const told = host.executions.get("x")?.events.at(-1)?.kind;
  assert.ok(told?.$case === "limitsChanged" && told.value.reason === "slow disk");
  const less = await run("extend", "x", "--attempt-timeout", "-14m", "--reason", "warn");
  assert.equal(less.stdout, "x  timeout=2h attempt-timeout=1m\n");
  assert.equal(less.stderr, "warning: the executor was told otherwise\n");
  const none = await run("extend", "x", "--attempt-timeout", "none", "--json");
  const { execution, warnings } = JSON.parse(none.stdout) as {
    execution: { limits: { totalTimeoutMs: number; attemptTimeoutMs?: number } };
    warnings: string[];
  };
  assert.deepEqual([execution.limits.totalTimeoutMs, execution.limits.attemptTimeoutMs], [7_200_000, undefined]);
  assert.deepEqual(warnings, []);
});

test("extend says what it cannot do", guard, async (t) => {
  const { run } = await scene(t);
  await run("submit", "shell", "--id", "x", "wait=cancel", "--timeout", "10m");
  const rows = [
    [["--attempt-timeout", "+5m"], "there is no attempt timeout to change by so much"],
    [["--timeout", "-10m"], "nothing would be left of the total timeout: it is timeout=10m"],
    [["--timeout", "soon"], "option '--timeout <change>' argument 'soon' is invalid"],
  ] as const;
  for (const [words, message] of rows) {
    const { code, stdout, stderr } = await run("extend", "x", ...words);
    assert.deepEqual([code, stdout], [64, ""]);
    assert.ok(stderr.startsWith(`error: ${message}`), stderr);
  }
});

test("list shows a table, filters, and pages by itself", guard, async (t) => {
  const { host, run } = await scene(t);
  assert.equal((await run("list")).stderr, "no executions\n");
  for (const id of ["1", "2", "3"]) await run("submit", "shell", "--id", id, "--name", `job-${id}`);
  await run("submit", "shell", "--id", "4", "wait=ever");
  const all = await run("list");
  const lines = all.stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/\s+/).slice(0, 4));
  assert.deepEqual(lines[0], ["ID", "EXECUTOR", "JOB", "STATE"]);
  assert.deepEqual(lines[2], ["3", "shell", "job-3", "succeeded"]);
  const some = await run("list", "--state", "finished", "-n", "2", "--json");
  const { executions, hasMore } = JSON.parse(some.stdout) as {
    executions: { spec: { id: string } }[];
    hasMore: boolean;
  };
  assert.deepEqual([executions.map(({ spec }) => spec.id), hasMore], [["3", "2"], true]);
  const wrong = await run("list", "--state", "runing");
  assert.deepEqual([wrong.code, wrong.stderr], [64, "error: no such state: runing\nhint: did you mean 'running'\n"]);
  const { stderr } = await run("list", "--state", "foo");
  assert.equal(stderr, "error: no such state: foo\nhint: there are queued, starting, running, cancelling, finished\n");
  assert.equal(host.executions.size, 4);
});

test("show tells all about one execution", guard, async (t) => {
  const { run } = await scene(t);
  await run("submit", "shell", "--id", "s", "stdout=12345", "outcome=FAILED", "exit=2", "hint=look", "--label", "a=b");
  const { stdout } = await run("show", "s");
  for (const line of [/^id +s$/m, /^state +failed$/m, /^result +exit code 2$/m, /^hint +look$/m, /^labels +a=b$/m]) {
    assert.match(stdout, line);
  }
  assert.match(
    stdout,
    /^attempt 1 +took 1\.5s, started after 10ms, in process 41 of version 1\.2\.3; failed: exit code 2$/m,
  );
  assert.equal((JSON.parse((await run("show", "s", "--json")).stdout) as { state: string }).state, "FINISHED");
});
