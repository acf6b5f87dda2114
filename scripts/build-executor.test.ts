import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { launchForDkron } from "@executor-host/sdk/testing";
import { runCli } from "../host/cli/fixtures/run-cli.ts";
import { root } from "./lib/root.ts";

const guard = { timeout: 120_000 };

/** A directory outside the checkout, with a source in it. */
function scene(t: TestContext, source: string) {
  const directory = mkdtempSync(join(tmpdir(), "it's mine "));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "greet.ts"), source);
  const plugins = join(directory, "plugins");
  const build = () =>
    spawnSync(join(root, "scripts/build-executor"), ["greet.ts", "plugins"], { cwd: directory, encoding: "utf8" });
  return { plugins, build };
}

test("the README's executor is built outside the checkout, and runs under both hosts", guard, async (t) => {
  const source = /```ts\n(.*?)```/s.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] ?? "";
  const { plugins, build } = scene(t, source);
  for (let time = 1; time <= 2; time++) {
    const { status, stdout, stderr } = build();
    assert.deepEqual([status, stdout, stderr], [0, `${plugins}/dkron-executor-greet\n`, ""]);
  }
  assert.deepEqual(readdirSync(plugins).toSorted(), [".greet.cjs", "dkron-executor-greet"]);
  const { code, stdout, stderr } = await runCli(["run", "greet", "name=world", "--plugins-dir", plugins]);
  assert.deepEqual([code, stdout, stderr], [0, "hello, world\n", ""]);
  await using underDkron = await launchForDkron(join(plugins, "dkron-executor-greet"));
  assert.equal((await underDkron.execute({ name: "you" })).output.toString(), "hello, you\n");
});

test("a source that serves no executor leaves nothing", guard, (t) => {
  const { plugins, build } = scene(t, `console.log("hi");`);
  const { status, stderr } = build();
  assert.equal(status, 1);
  assert.match(stderr, /^error: .*\/greet\.ts does not call serve\(\) with the definition of an executor\n$/);
  assert.deepEqual(readdirSync(plugins), []);
});

test("a source that is not right is told by its place", guard, (t) => {
  const { plugins, build } = scene(t, `import "no-such-package";`);
  const { status, stderr } = build();
  assert.equal(status, 1);
  assert.match(stderr, /Could not resolve "no-such-package"[^]*greet\.ts:1:7/);
  assert.ok(!existsSync(plugins));
});
