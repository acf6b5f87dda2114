import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { runCli } from "./fixtures/run-cli.ts";
import { guard, scene } from "./fixtures/scene.ts";

test("completion prints a script for each shell", guard, async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runCli(["completion", shell]);
    assert.equal(code, 0);
    assert.match(stdout, /__complete --/);
  }
  const wrong = await runCli(["completion", "tcsh"]);
  assert.deepEqual([wrong.code, wrong.stderr.split("\n")[1]], [64, "hint: allowed choices are bash, zsh, fish"]);
});

test("bash completes a key and its values, where = ends a word", guard, async (t) => {
  const { host, dir } = await scene(t);
  const script = `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, "main.ts")}' "$@"\n`;
  writeFileSync(join(dir, "executor-host"), script, { mode: 0o755 });
  const probe = `
    source <(executor-host completion bash)
    for line in "executor-host descr" "executor-host run shell shell=" "executor-host run shell shell=t"; do
      COMP_LINE=$line COMP_POINT=\${#line}
      _executor_host
      echo "\${COMPREPLY[*]}"
    done`;
  const { stdout } = await promisify(execFile)("bash", ["-c", probe], {
    env: { PATH: `${dir}:${process.env["PATH"]}`, EXECUTOR_HOST_ADDRESS: host.address },
  });
  assert.equal(stdout, "describe\ntrue false\ntrue\n");
});

test("words are completed: commands, options, choices, executors, config keys and ids", guard, async (t) => {
  const { run } = await scene(t);
  const complete = async (...words: readonly string[]) => {
    const { stdout } = await run("__complete", "--", ...words);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t")[0]);
  };
  assert.deepEqual(await complete("exe"), ["executors"]);
  assert.deepEqual(await complete("describe", ""), ["broken", "shell"]);
  assert.deepEqual(await complete("run", "sh"), ["shell"]);
  assert.deepEqual(await complete("run", "shell", "c"), ["command="]);
  assert.deepEqual(await complete("run", "shell", "command=x", "c"), []);
  assert.deepEqual(await complete("run", "shell", "signal="), ["signal=SIGTERM", "signal=SIGINT"]);
  assert.deepEqual(await complete("run", "--timeout", "5s", "shell", "s"), ["shell=", "signal="]);
  assert.deepEqual(await complete("run", "shell", "--att"), ["--attempt-timeout"]);
  assert.deepEqual(await complete("serve", "--log-format", ""), ["text", "json"]);
  assert.deepEqual(await complete("completion", "z"), ["zsh"]);
  assert.deepEqual(await complete("list", "--executor", "b"), ["broken"]);
  assert.deepEqual(await complete("nothing", ""), []);
  await run("submit", "shell", "--id", "abc");
  assert.deepEqual(await complete("watch", "a"), ["abc"]);
  assert.deepEqual(await complete("cancel", "x", "a"), ["abc"]);
});

test("completion is silent where there is no host to ask", guard, async () => {
  const { code, stdout, stderr } = await runCli(["__complete", "--", "watch", ""], {
    env: { EXECUTOR_HOST_ADDRESS: "unix:/nonexistent/host.sock" },
  });
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
});
