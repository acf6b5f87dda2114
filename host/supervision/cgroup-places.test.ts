import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findUnifiedPlace } from "./cgroup-places.ts";

const other = process.pid + 1;

interface Group {
  readonly offered?: string;
  readonly enabled?: string;
  readonly pids?: readonly number[];
}

/** A hierarchy of version 2 as plain files, and this process's place in it. */
function hierarchy(t: TestContext, groups: Readonly<Record<string, Group>>, own: string) {
  const mountPoint = mkdtempSync(join(tmpdir(), "cgroups-"));
  t.after(() => rmSync(mountPoint, { recursive: true }));
  for (const [path, { offered = "", enabled = "", pids = [] }] of Object.entries(groups)) {
    const directory = join(mountPoint, path);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "cgroup.controllers"), `${offered}\n`);
    writeFileSync(join(directory, "cgroup.subtree_control"), `${enabled}\n`);
    writeFileSync(join(directory, "cgroup.procs"), pids.map((pid) => `${pid}\n`).join(""));
  }
  return { mountPoint, own: join(mountPoint, own) };
}

const all = "cpu memory pids";

test("limits are held below the root of the hierarchy, whoever is in it", async (t) => {
  const place = hierarchy(t, { "": { offered: all, pids: [process.pid, other] } }, "");
  assert.deepEqual(await findUnifiedPlace(place, "memory"), { version: 2, directory: place.own });
});

test("limits are held below the host's own group when it is alone there, and beside it once it has moved down", async (t) => {
  const groups = { "": { offered: all, enabled: all }, service: { offered: all, pids: [process.pid] } };
  const before = hierarchy(t, groups, "service");
  assert.deepEqual(await findUnifiedPlace(before, "pids"), { version: 2, directory: before.own });
  const moved = { ...groups, service: { offered: all, enabled: all }, "service/executor-host": { offered: all } };
  const after = hierarchy(t, moved, "service/executor-host");
  assert.deepEqual(await findUnifiedPlace(after, "pids"), { version: 2, directory: join(after.mountPoint, "service") });
});

test("limits are held beside the host's group when others are in it", async (t) => {
  const groups = { "": { offered: all, enabled: "memory" }, session: { offered: all, pids: [process.pid, other] } };
  const place = hierarchy(t, groups, "session");
  assert.deepEqual(await findUnifiedPlace(place, "memory"), { version: 2, directory: place.mountPoint });
  const missed = await findUnifiedPlace(place, "cpu");
  assert("problem" in missed);
  assert.match(missed.problem, new RegExp(`other processes are in it \\(${other}\\)`));
  assert.match(missed.hint, /Delegate=yes/);
});

test("where a controller is not offered, no limit is held", async (t) => {
  const place = hierarchy(t, { "": { offered: "cpu" }, service: { offered: "cpu", pids: [process.pid] } }, "service");
  const missed = await findUnifiedPlace(place, "memory");
  assert("problem" in missed && missed.problem.endsWith("has no controller memory"));
});
