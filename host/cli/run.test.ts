import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WhenBusy } from "@executor-host/proto/host";
import { runCli, startCli } from "./fixtures/run-cli.ts";
import { guard, scene } from "./fixtures/scene.ts";

test("run writes the job's output to where it belongs and exits as the job did", guard, async (t) => {
  const { run } = await scene(t);
  const good = await run("run", "shell", "stdout=hello", "stderr=oops");
  assert.deepEqual([good.code, good.stdout, good.stderr], [0, "hello", "oops"]);
  const bad = await run("run", "shell", "outcome=FAILED", "exit=3", "message=exit status 3", "hint=look");
  assert.equal(bad.code, 3);
  assert.match(bad.stderr, /^error: shell failed after \d+ms: exit status 3\nhint: look\n$/);
  const quiet = await run("run", "shell", "outcome=TIMED_OUT", "-q");
  assert.deepEqual([quiet.code, quiet.stderr], [124, ""]);
});

test("run without an executor's name says so", guard, async () => {
  const none = await runCli(["run"]);
  assert.deepEqual([none.code, none.stderr.split("\n")[0]], [64, "error: no executor is named"]);
  const config = await runCli(["run", "command=x"]);
  assert.deepEqual(
    [config.code, config.stderr.split("\n")[0]],
    [64, "error: the first word must name an executor: command=x"],
  );
});

test("run hands over everything it was told", guard, async (t) => {
  const { host, run } = await scene(t);
  const { code } = await run(
    ...["run", "shell", "command=x", "--set", "cwd=/tmp", "--id", "i1", "--name", "nightly", "--label", "team=a"],
    ...["--timeout", "1h", "--attempt-timeout", "10m", "--queue-timeout", "5s", "--start-timeout", "6s"],
    ...[
      "--no-output-timeout",
      "7s",
      "--heartbeat-timeout",
      "8s",
      "--max-output",
      "1MiB",
      "--grace",
      "0s",
      "--retries",
      "2",
      "--idempotent",
    ],
    ...["--priority", "-7", "--fairness-key", "team-a", "--concurrency-key", "k", "--max-concurrent", "2"],
    ...["--when-busy", "replace"],
  );
  assert.equal(code, 0);
  const seconds = (count: number) => ({ seconds: count, nanos: 0 });
  assert.deepEqual(host.specs, [
    {
      executionId: "i1",
      executor: "shell",
      config: { command: "x", cwd: "/tmp" },
      jobName: "nightly",
      limits: {
        totalTimeout: seconds(3600),
        attemptTimeout: seconds(600),
        queueTimeout: seconds(5),
        startTimeout: seconds(6),
        noOutputTimeout: seconds(7),
        grace: seconds(0),
        maxOutputBytes: 1024 ** 2,
        heartbeatTimeout: seconds(8),
      },
      retry: { maxAttempts: 3, initialBackoff: undefined, maxBackoff: undefined, multiplier: 0, idempotent: true },
      labels: { team: "a" },
      traceContext: {},
      queueing: {
        priority: -7,
        fairnessKey: "team-a",
        concurrencyKey: "k",
        maxConcurrent: 2,
        whenBusy: WhenBusy.REPLACE,
      },
    },
  ]);
});

test("what follows -- is a command line, also when it looks like options", guard, async (t) => {
  const { host, run } = await scene(t);
  await run("run", "shell", "--", "ls", "--json", "-l", "two words", "--");
  assert.deepEqual(host.specs[0]?.config, { command: "ls", args: '["--json","-l","two words","--"]' });
});

test("config comes from a file or standard input, and words win over it", guard, async (t) => {
  const { host, dir, run, runWith } = await scene(t);
  const path = join(dir, "config.json");
  writeFileSync(path, '{"command": "from file", "cwd": "/"}');
  await run("run", "shell", "--config-file", path, "command=from word");
  await runWith({ input: '{"command": "from stdin"}' }, "run", "shell", "--config-file", "-");
  assert.deepEqual(
    host.specs.map(({ config }) => config),
    [{ command: "from word", cwd: "/" }, { command: "from stdin" }],
  );
  const broken = await runWith({ input: "{" }, "run", "shell", "--config-file", "-");
  assert.equal(broken.code, 64);
  assert.match(broken.stderr, /^error: the config file in standard input is not JSON: /);
  assert.match(
    (await run("run", "shell", "--config-file", "/none")).stderr,
    /^error: cannot read the config file: ENOENT/,
  );
});

test("a Dkron job definition runs as it is, and words may change it", guard, async (t) => {
  const { host, dir, run } = await scene(t);
  const path = join(dir, "job.json");
  const job = {
    name: "j",
    schedule: "@daily",
    executor: "shell",
    executor_config: { command: "a", cwd: "/" },
    retries: 1,
  };
  writeFileSync(path, JSON.stringify(job));
  const plain = await run("run", "--job", path);
  assert.deepEqual([plain.code, plain.stderr], [0, "note: the scheduler's fields are not used here: schedule\n"]);
  await run("run", "--job", path, "command=b", "--retries", "0");
  assert.deepEqual(
    host.specs.map(({ executor, jobName, config, retry }) => [executor, jobName, config, retry?.maxAttempts]),
    [
      ["shell", "j", { command: "a", cwd: "/" }, 2],
      ["shell", "j", { command: "b", cwd: "/" }, 1],
    ],
  );
});

test("what the host refuses is told with all its reasons", guard, async (t) => {
  const { run } = await scene(t);
  const config = await run("run", "shell", "command=");
  assert.equal(config.code, 64);
  assert.equal(config.stderr, "error: config is invalid\n  command: must not be empty (write echo hello)\n");
  const executor = await run("run", "shel");
  assert.equal(executor.stderr, "error: no executor with this name: shel\nhint: there is: shell\n");
});

test("bytes pass through run unchanged, as many as there are", guard, async (t) => {
  const { run } = await scene(t);
  const flood = 8 * 1024 * 1024;
  const { code, stdoutBytes } = await run("run", "shell", `flood=${flood}`);
  assert.equal(code, 0);
  assert.equal(stdoutBytes.length, flood);
  for (let offset = 0; offset < flood; offset += 65_536) assert.equal(stdoutBytes[offset], offset % 251);
});

test("the first Ctrl-C asks the job to stop and follows it to its end", guard, async (t) => {
  const { host } = await scene(t);
  const { child, done } = startCli([
    "run",
    "shell",
    "--id",
    "c",
    "wait=cancel",
    "stdout=ready",
    "--host",
    host.address,
  ]);
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const { code, stderr } = await done;
  assert.equal(code, 130);
  assert.match(stderr, /^error: shell was cancelled after/);
  assert.equal(host.executions.get("c")?.cancelReason, "interrupted by SIGINT");
});

test("the second Ctrl-C leaves at once", guard, async (t) => {
  const { host } = await scene(t);
  const { child, done } = startCli(["run", "shell", "--id", "c", "wait=ever", "stdout=ready", "--host", host.address]);
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const cancelled = host.executions.get("c");
  assert.ok(cancelled !== undefined);
  while (cancelled.cancelReason === undefined) await once(cancelled, "event");
  child.kill("SIGINT");
  const { code, stderr } = await done;
  assert.deepEqual([code, stderr], [130, ""]);
});

test("a job is stopped when nobody reads its output any more", guard, async (t) => {
  const { host } = await scene(t);
  const { child, done } = startCli([
    "run",
    "shell",
    "--id",
    "f",
    "flood=99999999",
    "wait=cancel",
    "--host",
    host.address,
  ]);
  await once(child.stdout, "data");
  child.stdout.destroy();
  const { code, stderr } = await done;
  assert.deepEqual([code, stderr], [141, ""]);
  const execution = host.executions.get("f");
  assert.ok(execution !== undefined);
  while (execution.cancelReason === undefined) await once(execution, "event");
  assert.equal(execution.cancelReason, "caller is gone");
});

test("a host that goes away in the middle is told, with the way to find the job again", guard, async (t) => {
  const { host } = await scene(t);
  const { child, done } = startCli(["run", "shell", "--id", "x1", "wait=ever", "stdout=ready", "--host", host.address]);
  await once(child.stdout, "data");
  await host[Symbol.asyncDispose]();
  const { code, stderr } = await done;
  assert.equal(code, 69);
  assert.match(
    stderr,
    /^error: lost the host at unix:.*\nhint: when the host is back: executor-host watch x1 --from 6\n$/,
  );
});
