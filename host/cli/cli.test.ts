import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commands } from "./commands.ts";
import { runCli } from "./fixtures/run-cli.ts";
import { guard, scene } from "./fixtures/scene.ts";

test("help lists every command and teaches where to start", guard, async () => {
  const { code, stdout, stderr } = await runCli(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const { name, hidden } of commands) assert.equal(stdout.includes(`\n  ${name} `), hidden !== true, name);
  assert.match(stdout, /\$ executor-host run shell command='echo hello'/);
  assert.deepEqual(await runCli(["help"]), await runCli(["--help"]));
  const { code: bare, stdout: nothing, stderr: usage } = await runCli([]);
  assert.deepEqual([bare, nothing], [64, ""]);
  assert.match(usage, /^Usage: executor-host COMMAND/);
});

test("every command teaches by example", guard, async () => {
  for (const { name, hidden } of commands) {
    if (hidden === true) continue;
    const { code, stdout } = await runCli(["help", name]);
    assert.equal(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: executor-host ${name} `), name);
    assert.match(stdout, new RegExp(`\nExamples:\n {2}# .*\n {2}\\$ executor-host ${name}\\b`), name);
    assert.ok(
      stdout.split("\n").every((line) => line.length <= 120 || line.startsWith("  $")),
      name,
    );
  }
});

test("a slip in a command or an option is answered with what was probably meant", guard, async () => {
  assert.deepEqual(await runCli(["exectors"]).then(({ code, stderr }) => [code, stderr]), [
    64,
    "error: unknown command 'exectors'\nhint: did you mean executors?\n",
  ]);
  const { code, stderr } = await runCli(["list", "--jsn"]);
  assert.deepEqual([code, stderr], [64, "error: unknown option '--jsn'\nhint: did you mean --json?\n"]);
  const late = await runCli(["run", "shell", "--timeout", "5"]);
  assert.deepEqual(
    [late.code, late.stderr],
    [
      64,
      "error: option '--timeout <duration>' argument '5' is invalid\nhint: write a duration such as 30s, 5m or 1h30m\n",
    ],
  );
});

test("an error is JSON, on standard error, for whoever asked for JSON", guard, async () => {
  const named = ["--host", "unix:/nonexistent/host.sock"];
  const { code, stdout, stderr } = await runCli(["list", "--json", ...named]);
  assert.deepEqual([code, stdout], [69, ""]);
  assert.deepEqual(JSON.parse(stderr), {
    error: {
      code: "HOST_UNREACHABLE",
      message: "no host at unix:/nonexistent/host.sock: there is no such socket",
      hint: "start one with `executor-host serve`",
      violations: [],
      exitCode: 69,
    },
  });
  const usage = await runCli(["list", "--jsn", "--json"]);
  assert.equal((JSON.parse(usage.stderr) as { error: { code: string } }).error.code, "USAGE");
  const ofTheJob = await runCli(["run", "shell", ...named, "--", "list", "--json"]);
  assert.match(ofTheJob.stderr, /^error: no host at /, "what follows -- is the job's");
});

test("a host that was named must be there", guard, async () => {
  const { code, stderr } = await runCli(["run", "shell", "command=x", "--host", "unix:/nonexistent/host.sock"]);
  assert.equal(code, 69);
  assert.equal(
    stderr,
    "error: no host at unix:/nonexistent/host.sock: there is no such socket\nhint: start one with `executor-host serve`\n",
  );
  const both = await runCli(["run", "shell", "--embedded", "--host", "unix:/x"]);
  assert.equal(both.code, 64);
  assert.match(both.stderr, /--embedded' cannot be used with option '--host/);
});

test("a host whose address no socket can have is not there", guard, async () => {
  const address = `unix:/tmp/${"x".repeat(200)}`;
  const { code, stderr } = await runCli(["list", "--host", address]);
  assert.deepEqual(
    [code, stderr],
    [69, `error: no host can be at ${address}\nhint: the path of a socket has at most 107 bytes\n`],
  );
});

test("a temporary directory that cannot be made is told with the way out", guard, async () => {
  const { code, stderr } = await runCli(["run", "shell", "command=x"], {
    env: { TMPDIR: "/nonexistent", EXECUTOR_HOST_RUNTIME_DIR: "/nonexistent" },
  });
  assert.equal(code, 78);
  assert.match(stderr, /^error: cannot make a temporary directory in \/nonexistent: ENOENT.*\nhint: set TMPDIR .*\n$/);
});

test("a disk without room for the output is told as such", guard, (t) => {
  const full = openSync("/dev/full", "w");
  t.after(() => closeSync(full));
  const main = join(import.meta.dirname, "main.ts");
  const { status, stderr } = spawnSync(process.execPath, [main, "completion", "bash"], {
    env: {},
    encoding: "utf8",
    stdio: ["ignore", full, "pipe"],
  });
  assert.deepEqual([status, stderr], [74, "error: cannot write the output: ENOSPC: no space left on device, write\n"]);
});

test("an unexpected mistake shows its place only when that is asked for", guard, async (t) => {
  const { dir, runWith } = await scene(t);
  const plain = await runWith({}, "run", "shell", "--config", join(dir, "none.yaml"), "--embedded");
  assert.equal(plain.code, 78);
  assert.match(plain.stderr, /^error: cannot read the settings file .*\n$/);
  const debug = await runWith(
    { env: { EXECUTOR_HOST_DEBUG: "1" } },
    "run",
    "shell",
    "--config",
    join(dir, "none.yaml"),
    "--embedded",
  );
  assert.match(debug.stderr, /\n +at .*load\.ts/);
});
