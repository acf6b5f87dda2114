import assert from "node:assert/strict";
import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { nodeFlagsOf } from "./bundle.ts";
import { launcherOf } from "./launcher.ts";

/** A checkout with a launcher in it, and with a Node that prints what it is called with and the descriptors it has. */
function checkout(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "launch "));
  t.after(() => rmSync(directory, { recursive: true }));
  const plugins = join(directory, "dist/plugins");
  const bin = join(directory, "node_modules/node/bin");
  for (const made of [plugins, bin]) mkdirSync(made, { recursive: true });
  const launcher = join(plugins, "dkron-executor-thing");
  const target = {
    name: "thing",
    kind: "executor",
    entry: "executors/thing/main.ts",
    bundle: "lib/executors/thing.cjs",
    launcher: "plugins/dkron-executor-thing",
  } as const;
  writeFileSync(launcher, launcherOf(target), { mode: 0o755 });
  const node = join(bin, "node");
  writeFileSync(node, `#!/bin/sh\nprintf '%s|' "$@"\n[ ! -e /proc/self/fd/3 ] || echo "has descriptor 3"\n`, {
    mode: 0o755,
  });
  return { directory, launcher, node };
}

function launch(path: string, args: readonly string[] = [], options: SpawnSyncOptions = {}) {
  const { stdout, stderr, status } = spawnSync(path, args, { env: {}, cwd: "/", ...options, encoding: "utf8" });
  return { stdout, stderr, status };
}

test("a launcher runs the pinned Node on its bundle, with all arguments, from any directory and without an environment", (t) => {
  const { launcher } = checkout(t);
  const { stdout } = launch(launcher, ["two words", "*"]);
  const given = stdout.split("|");
  const nodeFlags = nodeFlagsOf("executor");
  assert.deepEqual(given.slice(0, nodeFlags.length), nodeFlags);
  const [boot, ...rest] = given.slice(nodeFlags.length);
  assert.match(boot ?? "", /\/dist\/plugins\/\.\.\/lib\/boot\.cjs$/);
  assert.deepEqual(rest, ["executors/thing.cjs", "two words", "*", ""]);
});

test("a launcher is found by a relative path and by its bare name", (t) => {
  const { directory } = checkout(t);
  const cwd = join(directory, "dist/plugins");
  assert.equal(launch("./dkron-executor-thing", [], { cwd }).status, 0);
  assert.equal(launch("/bin/sh", ["dkron-executor-thing"], { cwd }).status, 0);
});

test("a launcher is found through symbolic links to it, to another link and to its directory", (t) => {
  const { directory, launcher } = checkout(t);
  const links = {
    absolute: launcher,
    relative: "dist/plugins/dkron-executor-thing",
    chain: "relative",
    folder: "dist/plugins",
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, name));
  for (const path of ["absolute", "relative", "chain", "folder/dkron-executor-thing"]) {
    const { stdout, stderr } = launch(join(directory, path));
    assert.match(stdout, /\/lib\/boot\.cjs\|executors\/thing\.cjs\|$/, stderr);
  }
});

test("a launcher that runs as a verified file descriptor finds its place and does not pass the descriptor on", (t) => {
  const { launcher } = checkout(t);
  const fd = openSync(launcher, "r");
  t.after(() => closeSync(fd));
  const { stdout, stderr } = launch("/proc/self/fd/3", [], { stdio: ["ignore", "pipe", "pipe", fd] });
  assert.match(stdout, /\/lib\/boot\.cjs\|executors\/thing\.cjs\|$/, stderr);
});

test("a launcher says in one line that Node is missing", (t) => {
  const { launcher, node } = checkout(t);
  rmSync(node);
  const { stderr, status } = launch(launcher);
  assert.equal(status, 127);
  assert.match(stderr, /^dkron-executor-thing: Node is missing at .*: run scripts\/setup in the checkout\n$/);
});
