import assert from "node:assert/strict";
import { test } from "node:test";
import { guard, scene } from "./fixtures/scene.ts";

test("executors are listed with what they can do and why some cannot be used", guard, async (t) => {
  const { run } = await scene(t);
  const { code, stdout } = await run("executors");
  assert.equal(code, 0);
  assert.match(stdout, /^NAME +VERSION +STATE +CAN +PATH\nbroken +- +failed +- +\/plugins\/dkron-executor-broken\n/);
  assert.match(
    stdout,
    /shell +1\.2\.3 +ready, 1 process, 1 running +cancel, attach, probe +\/plugins\/dkron-executor-shell\n/,
  );
  assert.match(stdout, /\nbroken: exited with code 3 before the handshake\n\nbroken: crashed 2 times/);
  assert.match(stdout, /\nNot used:\n {2}\/plugins\/dkron-executor-readme: not executable/);
  const { executors } = JSON.parse((await run("executors", "--json")).stdout) as { executors: unknown[] };
  assert.equal(executors.length, 2);
});

test("describe shows keys, as text, Markdown and JSON", guard, async (t) => {
  const { run } = await scene(t);
  assert.match((await run("describe", "shell")).stdout, /^shell 1\.2\.3: Runs commands\n/);
  assert.match(
    (await run("describe", "shell", "--markdown")).stdout,
    /^# shell\n[^]*\| `command` \| text, required \|/,
  );
  const { configSchema } = JSON.parse((await run("describe", "shell", "--json")).stdout) as { configSchema: object };
  assert.ok("properties" in configSchema);
  const broken = await run("describe", "broken");
  assert.deepEqual([broken.code, broken.stderr], [75, "error: executor broken did not start: exit 3\n"]);
});

test("validate and probe give their verdict as words, JSON and exit code", guard, async (t) => {
  const { run } = await scene(t);
  assert.deepEqual(await run("validate", "shell", "command=x").then(({ code, stdout }) => [code, stdout]), [
    0,
    "valid\n",
  ]);
  const invalid = await run("validate", "shell");
  assert.equal(invalid.code, 64);
  assert.match(
    invalid.stderr,
    /^error: shell would not accept this\n {2}command: is missing \(write command='echo hi'\)\nhint: /,
  );
  const json = await run("validate", "shell", "--json");
  assert.deepEqual([json.code, (JSON.parse(json.stdout) as { valid: boolean }).valid], [64, false]);
  const reached = await run("probe", "shell", "command=echo");
  assert.deepEqual([reached.code, reached.stdout], [0, "ok  found /bin/echo  path=/bin/echo\n"]);
  const missed = await run("probe", "shell");
  assert.deepEqual(
    [missed.code, missed.stderr],
    [1, "error: shell cannot do this now: no command to look for (COMMAND_MISSING)\n"],
  );
});
