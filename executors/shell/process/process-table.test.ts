import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { ProcessTable } from "./process-table.ts";

test("those who ask at the same time share a look, and whoever asks later gets a later one", async () => {
  const table = new ProcessTable();
  const [first, second] = await Promise.all([table.look(), table.look()]);
  assert.equal(first, second);
  assert.notEqual(await table.look(), first);
});

test("a process is listed with the tag of its job, and only with its own", async () => {
  const table = new ProcessTable();
  const tagged = spawn("sleep", ["600"], { env: { X: "EXECUTOR_HOST_JOB=not-me", EXECUTOR_HOST_JOB: "job-1." } });
  const plain = spawn("sleep", ["600"], { env: { X: "EXECUTOR_HOST_JOB=not-me" } });
  const tagOf = async (pid: number | undefined): Promise<string | undefined> =>
    (await table.look()).find((entry) => entry.pid === pid)?.tag;
  try {
    assert.equal(await tagOf(tagged.pid), "job-1.");
    assert.equal(await tagOf(tagged.pid), "job-1.");
    assert.equal(await tagOf(plain.pid), undefined);
    assert.equal(
      (await table.look()).some(({ pid }) => pid === process.pid),
      false,
    );
  } finally {
    tagged.kill("SIGKILL");
    plain.kill("SIGKILL");
    await Promise.all([once(tagged, "exit"), once(plain, "exit")]);
  }
});
