import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { scanPlugins } from "./catalog.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "catalog-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(name: string, mode = 0o755, folder = directory): Promise<string> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(path, "#!/bin/sh\n");
  await chmod(path, mode);
  return path;
}

test("executables with the prefix are executors, by the rest of their name", async () => {
  const path = await file("dkron-executor-my-thing");
  await file("dkron-executor-windows.exe");
  await file("dkron-processor-log");
  await file("README");
  const { binaries, skipped } = await scanPlugins([directory]);
  assert.deepEqual(
    binaries.map((binary) => binary.name),
    ["my-thing", "windows"],
  );
  assert.equal(binaries[0]!.path, path);
  assert.deepEqual(skipped, []);
});

test("a file that cannot be used is listed with the reason", async () => {
  await file("dkron-executor-data", 0o644);
  await file("dkron-executor-open", 0o777);
  await file("dkron-executor-Bad Name");
  await mkdir(join(directory, "dkron-executor-folder"));
  await symlink(join(directory, "nowhere"), join(directory, "dkron-executor-link"));
  const { binaries, skipped } = await scanPlugins([directory]);
  assert.deepEqual(binaries, []);
  const reasons = Object.fromEntries(skipped.map(({ path, reason }) => [path.slice(directory.length + 1), reason]));
  assert.match(reasons["dkron-executor-open"]!, /everybody may write/);
  assert.match(reasons["dkron-executor-Bad Name"]!, /not a usable name/);
  assert.match(reasons["dkron-executor-folder"]!, /not a regular file/);
  assert.match(reasons["dkron-executor-link"]!, /does not exist/);
  assert.match(reasons["dkron-executor-data"]!, /not executable/);
});

test("a name that is there twice is used from neither place, and both are named", async () => {
  const one = await file("dkron-executor-shell", 0o755, join(directory, "one"));
  const two = await file("dkron-executor-shell", 0o755, join(directory, "two"));
  const { binaries, skipped } = await scanPlugins([join(directory, "one"), join(directory, "two")]);
  assert.deepEqual(binaries, []);
  assert.deepEqual(skipped.map((each) => each.path).toSorted(), [one, two]);
  assert.ok(skipped.every((each) => each.reason.includes(each.path === one ? two : one)));
});

test("the same directory given twice counts once", async () => {
  await file("dkron-executor-shell");
  assert.equal((await scanPlugins([directory, `${directory}/.`])).binaries.length, 1);
});

test("a directory that cannot be read is told, and the others are still used", async () => {
  await file("dkron-executor-shell");
  const { binaries, skipped } = await scanPlugins([join(directory, "missing"), directory]);
  assert.equal(binaries.length, 1);
  assert.match(skipped[0]!.reason, /cannot read the plugins directory/);
});

test("a replaced file has another version", async () => {
  await file("dkron-executor-shell");
  const before = (await scanPlugins([directory])).binaries[0]!.version;
  await writeFile(join(directory, "dkron-executor-shell"), "#!/bin/sh\nexit 1\n");
  assert.notEqual((await scanPlugins([directory])).binaries[0]!.version, before);
});
