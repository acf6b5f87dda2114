import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const script = join(import.meta.dirname, "../scripts/quickstart.ts");

test("the quickstart shows its five jobs and leaves nothing running", { timeout: 120_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  assert.match(stdout, /tick 1\ntick 2\n/);
  assert.match(stdout, /hello to executor-host-http/);
  assert.match(stdout, /\(exit code 124, as it should be\)/);
  assert.match(stdout, /\(exit code 70, as it should be\)/);
  assert.match(stdout, /Nothing is left running/);
});

test("a quickstart that is interrupted cleans up", { timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "eh-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = once(child, "exit");
  for await (const data of child.stdout.iterator({ destroyOnReturn: false }))
    if (String(data).includes("tick 1")) break;
  child.stdout.resume();
  child.kill("SIGINT");
  assert.deepEqual(await exited, [null, "SIGINT"]);
  assert.deepEqual(readdirSync(directory), []);
});
