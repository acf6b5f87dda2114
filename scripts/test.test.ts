import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "./lib/root.ts";

/** A checkout that consists of the test runner and of the files given. */
function checkout(t: TestContext, files: Readonly<Record<string, string>>) {
  const directory = mkdtempSync(join(tmpdir(), "run-"));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "scripts"));
  for (const path of ["scripts/test.ts", "scripts/lib", "package.json"]) {
    const isTest = (source: string): boolean => source.endsWith(".test.ts");
    cpSync(join(root, path), join(directory, path), { recursive: true, filter: (source) => !isTest(source) });
  }
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const imports = `import { test } from "node:test"; import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs";\n`;
  for (const [name, body] of Object.entries(files)) writeFileSync(join(directory, name), imports + body);
  return {
    run: (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
      const { stdout, status } = spawnSync(process.execPath, ["scripts/test.ts", ...args], {
        cwd: directory,
        env,
        encoding: "utf8",
        timeout: 60_000,
      });
      return { stdout, status, lastLine: stdout.trimEnd().split("\n").at(-1) };
    },
  };
}

/** A zombie is not: who must wait for it is the system's business. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

const passing = `test("it works", () => {});`;

test("the last line counts passed, failed and skipped tests, and failures come with place and message", (t) => {
  const { run } = checkout(t, {
    "a.test.ts": passing,
    "b.test.ts": `test("outer", async (t) => { await t.test("inner breaks", () => { throw new TypeError("boom"); }); });
      test("is skipped", { skip: "needs a moon" }, () => {});`,
  });
  const { stdout, status, lastLine } = run();
  assert.equal(lastLine, "1 passed, 1 failed, 1 skipped");
  assert.equal(status, 1);
  assert.match(stdout, /b\.test\.ts:2 {2}outer > inner breaks\n {4}TypeError: boom\n/);
  assert.match(stdout, /b\.test\.ts:3 {2}is skipped: needs a moon\n/);
});

test("only files that match a filter run, and no match fails", (t) => {
  const { run } = checkout(t, { "one.test.ts": passing, "two.test.ts": passing });
  assert.deepEqual([run(["two"]).lastLine, run(["two"]).status], ["1 passed, 0 failed, 0 skipped", 0]);
  assert.deepEqual([run(["three"]).lastLine, run(["three"]).status], ["0 passed, 0 failed, 0 skipped", 1]);
});

test("a skipped test fails the run only where CI is set", (t) => {
  const { run } = checkout(t, { "a.test.ts": `${passing} test("later", { todo: true }, () => {});` });
  assert.deepEqual([run().lastLine, run().status], ["1 passed, 0 failed, 1 skipped", 0]);
  assert.equal(run([], { CI: "true" }).status, 1);
});

test("a process that a file leaves behind fails it and is killed, though it shares nothing with the file", async (t) => {
  const { run } = checkout(t, {
    "a.test.ts": `test("leaves one", async () => {
      const child = spawn("/bin/sleep", ["61.25"], { cwd: "/", env: {}, detached: true, stdio: "ignore" });
      child.unref();
      // Long enough to be seen as a child of this file.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    });`,
  });
  const { stdout, lastLine } = run();
  assert.equal(lastLine, "1 passed, 1 failed, 0 skipped");
  const pid = Number(/leaves a process: (\d+) \/bin\/sleep 61\.25/.exec(stdout)?.[1]);
  while (isRunning(pid)) await sleep(20, undefined, { signal: t.signal });
});

test("a temporary file that a test leaves behind fails it", (t) => {
  const { run } = checkout(t, {
    "a.test.ts": `test("leaves one", () => { writeFileSync(process.env["TMPDIR"] + "/forgotten", ""); });`,
  });
  const { stdout, lastLine } = run();
  assert.equal(lastLine, "1 passed, 1 failed, 0 skipped");
  assert.match(stdout, /leaves a temporary file: \$TMPDIR\/forgotten\n/);
});

test("a file fails when it has no tests, ends early or does not load", (t) => {
  const { run } = checkout(t, {
    "crash.test.ts": `import "./missing.ts"; ${passing}`,
    "early.test.ts": `${passing} test("ends all", () => process.exit(0)); test("never runs", () => {});`,
    "none.test.ts": "",
  });
  const { stdout, status } = run();
  assert.equal(status, 1);
  assert.match(stdout, /crash\.test\.ts {2}\n {4}the file's process failed: exit code 1\n/);
  assert.match(stdout, /Cannot find module .*missing\.ts/);
  assert.match(stdout, /early\.test\.ts {2}\n {4}has no tests, or ended before they did\n/);
  assert.match(stdout, /none\.test\.ts {2}\n {4}has no tests, or ended before they did\n/);
});
