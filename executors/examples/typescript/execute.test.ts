import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runExecutor, startExecutor } from "@executor-host/sdk/testing";
import { definition } from "./definition.ts";

test("prints the digest of a file", async (t) => {
  const path = join(await temporaryDirectory(t), "abc");
  await writeFile(path, "abc");
  const { report, stdout } = await runExecutor(definition, { path, algorithm: "md5" });
  assert.equal(stdout.toString(), `900150983cd24fb0d6963f7d28e17f72  ${path}\n`);
  assert.equal(report.outcome, "SUCCEEDED");
});

test("stops when asked", async (t) => {
  const path = join(await temporaryDirectory(t), "slow");
  await writeFile(path, Buffer.alloc(3600));
  const run = startExecutor(definition, { path, maxBytesPerSecond: "1" });
  await run.waitForStarted();
  run.cancel();
  assert.equal((await run.finished).report.outcome, "CANCELLED");
});

async function temporaryDirectory(t: { after(end: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "executor-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}
