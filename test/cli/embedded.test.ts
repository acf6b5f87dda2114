import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runCli, startCli, type CliRun, type StartedCli } from "../../host/cli/fixtures/run-cli.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { PluginsDir } from "../support/plugins.ts";
import { isRunning } from "../support/processes.ts";
import { TempDir } from "../support/temp-dir.ts";
import { TestHost } from "../support/test-host.ts";

interface Scene {
  readonly dir: TempDir;
  readonly plugins: PluginsDir;
  run(...args: readonly string[]): Promise<CliRun>;
  start(...args: readonly string[]): StartedCli;
}

/** A machine on which no host runs. Afterwards, no file of any command may be left. */
async function scene(t: TestContext, ...executors: readonly string[]): Promise<Scene> {
  const dir = await TempDir.create();
  const plugins = await PluginsDir.create(dir.join("plugins"));
  await PluginsDir.create(dir.join("tmp"));
  for (const name of executors) await plugins.fixture(name);
  t.after(async () => {
    const left = readdirSync(dir.join("tmp"));
    await dir[Symbol.asyncDispose]();
    assert.deepEqual(left, [], "temporary files are left");
  });
  const env = {
    TMPDIR: dir.join("tmp"),
    EXECUTOR_HOST_PLUGINS_DIRS: plugins.path,
    EXECUTOR_HOST_RUNTIME_DIR: dir.join("run"),
    EXECUTOR_HOST_STATE_DIR: dir.join("state"),
  };
  return { dir, plugins, run: (...args) => runCli(args, { env }), start: (...args) => startCli(args, { env }) };
}

test("run needs no host and no set-up, and leaves nothing", guard, async (t) => {
  const { dir, run } = await scene(t, "echo");
  const { code, stdout, stderr } = await run("run", "echo", "text=hello", "stderr=there");
  assert.deepEqual([code, stdout, stderr], [0, "hello", "there"]);
  assert.ok(!readdirSync(dir.path).includes("state"), "the journal of a daemon was touched");
});

test("run passes every byte of both channels", guard, async (t) => {
  const { run } = await scene(t, "binary");
  const { code, stdoutBytes, stderr } = await run("run", "binary");
  assert.equal(code, 0);
  assert.deepEqual(stdoutBytes, Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index)));
  assert.equal(stderr, "héllo 🌍");
});

test("run exits as the job did, or says why it could not run", guard, async (t) => {
  const { run } = await scene(t, "echo", "failing", "crasher");
  assert.equal((await run("run", "echo", "exitCode=42")).code, 42);
  const invalid = await run("run", "echo", "txt=hello");
  assert.equal(invalid.code, 64);
  assert.match(invalid.stderr, /txt.*\nhint: .*text/);
  const missing = await run("run", "ech", "text=hello");
  assert.equal(missing.code, 64);
  assert.match(missing.stderr, /"ech"\nhint: /);
  const crashed = await run("run", "crasher", "when=after-output");
  assert.deepEqual([crashed.code, crashed.stdout], [70, "last words\n"]);
  assert.match(crashed.stderr, /^error: crasher lost its executor after /);
  const memory = await run("run", "failing", "kind=memory");
  assert.equal(memory.code, 137);
  const permanent = await run("run", "failing", "kind=permanent");
  assert.deepEqual([permanent.code, permanent.stderr.split("\n")[1]], [1, "hint: ask for the right"]);
});

test("run tries again as often as it was told", guard, async (t) => {
  const { run } = await scene(t, "failing");
  const { code, stdout } = await run("run", "failing", "kind=retryable", "succeedAt=2", "--retries", "1");
  assert.deepEqual([code, stdout], [0, "attempt 1\nattempt 2\n"]);
});

test("the first Ctrl-C stops the job politely", guard, async (t) => {
  const { start } = await scene(t, "sleeper");
  const { child, done } = start("run", "sleeper");
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const { code, stdout, stderr } = await done;
  assert.deepEqual([code, stdout], [130, "sleeping\nwaking\n"]);
  assert.match(stderr, /^error: sleeper was cancelled after .*interrupted by SIGINT\n$/);
});

test("the first Ctrl-C ends a command whose executor is still starting", guard, async (t) => {
  const { dir, plugins, start } = await scene(t);
  await plugins.script("slow", `#!/bin/sh\necho $$ > '${dir.join("pid")}'\nexec sleep 600\n`);
  const { child, done } = start("run", "slow");
  const pid = await eventually("the executor starts", () => {
    const text = existsSync(dir.join("pid")) ? readFileSync(dir.join("pid"), "utf8") : "";
    return text.endsWith("\n") ? Number(text) : undefined;
  });
  child.kill("SIGINT");
  const { code, stderr } = await done;
  assert.deepEqual([code, stderr], [130, ""]);
  assert.ok(!isRunning(pid));
});

test("further Ctrl-Cs end a job that does not care, with its executor", guard, async (t) => {
  const { start } = await scene(t, "deaf");
  const { child, done } = start("run", "deaf", "--grace", "100ms");
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const executor = Number(first.toString());
  assert.ok(isRunning(executor));
  child.kill("SIGINT");
  child.kill("SIGINT");
  assert.equal((await done).code, 130);
  await eventually("the executor ends", () => !isRunning(executor));
});

test("what a killed command left behind is cleared away by a later one", guard, async (t) => {
  const { dir, start, run } = await scene(t, "sleeper", "echo");
  const killed = start("run", "sleeper");
  const running = start("run", "sleeper");
  await Promise.all([once(killed.child.stdout, "data"), once(running.child.stdout, "data")]);
  killed.child.kill("SIGKILL");
  await killed.done;
  const tmp = dir.join("tmp");
  const before = readdirSync(tmp);
  assert.equal(before.length, 2, "one of each host");
  const anHourAgo = new Date(Date.now() - 3_600_000);
  for (const name of before) utimesSync(join(tmp, name), anHourAgo, anHourAgo);

  assert.equal((await run("run", "echo", "text=x")).code, 0);
  const after = readdirSync(tmp);
  assert.equal(after.length, 1, "that of the killed one is gone");
  assert.ok(after.every((name) => before.includes(name)));
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.done;
  assert.deepEqual([code, stdout], [130, "sleeping\nwaking\n"], "the other one was left alone");
});

test("a termination signal stops the job as Ctrl-C does", guard, async (t) => {
  const { start } = await scene(t, "sleeper");
  const { child, done } = start("run", "sleeper");
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const { code, stdout } = await done;
  assert.deepEqual([code, stdout], [130, "sleeping\nwaking\n"]);
});

test(
  "a running host is used if there is one, and not if the executors of a directory are asked for",
  guard,
  async (t) => {
    const { dir, run, plugins } = await scene(t, "echo");
    const listen = [`unix:${dir.join("host.sock")}`];
    await using host = await TestHost.start({ executors: ["noop"], settings: { listen } });
    const named = ["--host", listen[0] ?? ""];
    assert.equal((await run("run", "noop", "--id", "here", ...named)).code, 0);
    assert.equal((await host.client.get("here")).result?.outcome, "SUCCEEDED");
    assert.equal((await run("run", "noop")).code, 64);
    const own = await run("run", "echo", "text=x", "--plugins-dir", plugins.path);
    assert.deepEqual([own.code, own.stdout], [0, "x"]);
  },
);

test("executors and describe start what they speak of", guard, async (t) => {
  const { run, plugins } = await scene(t, "echo", "wrong-cookie");
  await plugins.file("readme", "not a program", 0o644);
  const { code, stdout } = await run("executors");
  assert.equal(code, 0);
  assert.match(stdout, /^echo +1\.2\.3 +ready, 1 process +cancel, probe +\/.*dkron-executor-echo$/m);
  assert.match(stdout, /^wrong-cookie +- +failed /m);
  assert.match(stdout, /^wrong-cookie: \S/m);
  assert.match(stdout, /^ {2}\/.*dkron-executor-readme: not executable/m);
  const described = await run("describe", "echo");
  assert.match(described.stdout, /^echo 1\.2\.3: Writes its config\n/);
  assert.match(described.stdout, /^ {2}token {2}text, secret$/m);
});

test("validate and probe work without a host", guard, async (t) => {
  const { run } = await scene(t, "echo");
  assert.equal((await run("validate", "echo", "text=x")).stdout, "valid\n");
  const wrong = await run("validate", "echo", "exitCode=many");
  assert.equal(wrong.code, 64);
  assert.match(wrong.stderr, /^error: echo would not accept this\n {2}exitCode: /);
  const reached = await run("probe", "echo", "text=four");
  assert.equal(reached.code, 0);
  assert.match(reached.stdout, /^ok {2}would write 4 characters {2}durationMs=\d+\n$/);
});

test("doctor says what is in force, and fails when an executor is broken", guard, async (t) => {
  const { run, plugins } = await scene(t, "echo");
  const well = await run("doctor", "--limits-grace", "3s", "--no-auto-mtls");
  assert.match(well.stdout, /^limits\.grace +3s +flag --limits-grace$/m);
  assert.match(well.stdout, /^auto-mtls +false +flag --auto-mtls$/m);
  assert.match(well.stdout, /^plugins-dirs +\S+ +environment EXECUTOR_HOST_PLUGINS_DIRS$/m);
  assert.match(well.stdout, /^ok +executor echo +1\.2\.3 /m);
  assert.equal(well.code, 0, well.stdout);
  await plugins.fixture("wrong-cookie");
  const ill = await run("doctor", "--json");
  assert.equal(ill.code, 1);
  const { checks } = JSON.parse(ill.stdout) as { checks: { name: string; level: string }[] };
  assert.deepEqual(
    checks.filter(({ level }) => level === "fail").map(({ name }) => name),
    ["executor wrong-cookie"],
  );
});

test("config keys are completed without a host", guard, async (t) => {
  const { run } = await scene(t, "echo");
  const { stdout } = await run("__complete", "--", "run", "echo", "t");
  assert.deepEqual(
    stdout.split("\n").map((line) => line.split("\t")[0]),
    ["text=", "token=", ""],
  );
});
