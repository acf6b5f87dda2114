import assert from "node:assert/strict";
import { fstatSync, mkdtempSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { StartFailure } from "../../failure.ts";
import { closeAll, FifoPool } from "./fifo-pool.ts";

function useTemporary(t: TestContext, path?: string): string {
  const { TMPDIR } = process.env;
  const directory = mkdtempSync(join(tmpdir(), "shell-fifo-"));
  process.env["TMPDIR"] = path ?? directory;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = TMPDIR;
    rmSync(directory, { recursive: true });
  });
  return directory;
}

test("a pool gives out FIFOs that work, more than it makes at once, and no name of theirs is left", async (t) => {
  const directory = useTemporary(t);
  await using pool = new FifoPool();
  const pairs = await Promise.all(Array.from({ length: 40 }, () => pool.takePair()));
  const fifos = pairs.flat();
  assert.equal(new Set(fifos.map(({ readFd }) => fstatSync(readFd).ino)).size, 80);
  for (const { readFd, writeFd } of fifos) {
    writeSync(writeFd, "x");
    assert.equal(readSync(readFd, Buffer.alloc(9)), 1);
  }
  closeAll(fifos);
  assert.deepEqual(readdirSync(directory), []);
});

test("a pool that cannot make FIFOs says so, leaves nothing open, and works again when it can", async (t) => {
  const directory = useTemporary(t, "/no/such/directory");
  await using pool = new FifoPool();
  const open = (): number => readdirSync("/proc/self/fd").length;
  const before = open();
  await assert.rejects(
    pool.takePair(),
    (error) => error instanceof StartFailure && error.code === "NO_FIFO" && /TMPDIR/.test(error.hint ?? ""),
  );
  assert.equal(open(), before);
  process.env["TMPDIR"] = directory;
  closeAll(await pool.takePair());
});

test("a closed pool has no file open", async (t) => {
  useTemporary(t);
  const before = readdirSync("/proc/self/fd").length;
  const pool = new FifoPool();
  closeAll(await pool.takePair());
  await pool[Symbol.asyncDispose]();
  await pool[Symbol.asyncDispose]();
  assert.equal(readdirSync("/proc/self/fd").length, before);
});
