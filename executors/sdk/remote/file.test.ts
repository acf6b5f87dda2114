import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readNamedFile, readNamedLines } from "./file.ts";

const guard = { timeout: 30_000 };

test("a named file is read byte by byte", guard, async () => {
  const path = join(tmpdir(), "bytes");
  for (const size of [0, 1, 3 * 1024 * 1024 + 1]) {
    const bytes = randomBytes(size);
    writeFileSync(path, bytes);
    assert.deepEqual(await readNamedFile("key", path), bytes);
  }
  rmSync(path);
});

for (const [path, problem] of [
  ["/nowhere/at-all", "no such file"],
  ["/tmp", "is a directory"],
  ["/dev/zero", "is larger than 256 MiB"],
] as const) {
  test(`a named file that cannot be read is a failure that names it: ${problem}`, guard, async () => {
    await assert.rejects(readNamedFile("key", path), {
      code: "FILE_UNREADABLE",
      message: `key cannot be read: ${path}: ${problem}`,
    });
  });
}

test("a named file of messages holds a hundred thousand lines at most", guard, async () => {
  const path = join(tmpdir(), "lines");
  writeFileSync(path, "\n".repeat(100_000));
  assert.equal((await readNamedLines("key", path)).length, 100_000);
  writeFileSync(path, "\n".repeat(100_001));
  await assert.rejects(readNamedLines("key", path), {
    message: `key cannot be read: ${path}: has more than 100000 lines`,
  });
  rmSync(path);
});

test("reading a named file ends with its signal", guard, async () => {
  const stop = new AbortController();
  const reading = readNamedFile("key", "/dev/zero", stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(reading, /enough/);
});
