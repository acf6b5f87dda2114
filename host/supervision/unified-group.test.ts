import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UnifiedGroup } from "./unified-group.ts";

const nobody = 65_534;

test("an executor's user is given what it takes to make groups for jobs, and no limit of the executor's own", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const place = mkdtempSync(join(tmpdir(), "cgroups-"));
  t.after(() => rmSync(place, { recursive: true }));
  const root = join(place, "host");
  mkdirSync(root);
  const group = await UnifiedGroup.create(root, "1-1");
  assert.deepEqual([group.place, group.directory, group.leaf], [place, join(root, "1-1"), join(root, "1-1/executor")]);
  for (const directory of [root, group.directory]) {
    assert.match(readFileSync(join(directory, "cgroup.subtree_control"), "utf8"), /^\+(memory|cpu|pids)$/);
  }
  for (const directory of [group.directory, group.leaf]) {
    for (const file of ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "memory.max"]) {
      writeFileSync(join(directory, file), "");
    }
  }
  await group.handOver({ uid: nobody, gid: nobody });
  const ownerOf = (path: string): number => statSync(join(group.directory, path)).uid;
  for (const given of [".", "cgroup.procs", "cgroup.subtree_control", "executor", "executor/cgroup.procs"]) {
    assert.equal(ownerOf(given), nobody, given);
  }
  assert.deepEqual([ownerOf("memory.max"), ownerOf("executor/memory.max"), statSync(root).uid], [0, 0, 0]);
});
