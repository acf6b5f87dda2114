import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findUnifiedPlace, openUnifiedPlace, prepareUnifiedPlace } from "./cgroup-places.ts";

const other = process.pid + 1;

interface Group {
  readonly offered?: string;
  readonly enabled?: string;
  readonly pids?: readonly number[];
  /** Default: it has no type, as the root has none. */
  readonly type?: string;
}

/** A hierarchy of version 2 as plain files, and this process's place in it. */
function hierarchy(t: TestContext, groups: Readonly<Record<string, Group>>, own: string) {
  const mountPoint = mkdtempSync(join(tmpdir(), "cgroups-"));
  t.after(() => rmSync(mountPoint, { recursive: true }));
  for (const [path, { offered = "", enabled = "", pids = [], type }] of Object.entries(groups)) {
    const directory = join(mountPoint, path);
    mkdirSync(directory, { recursive: true });
    if (type !== undefined) writeFileSync(join(directory, "cgroup.type"), `${type}\n`);
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

test("at the top of a container that others are in as well, no limit is held", async (t) => {
  const place = hierarchy(t, { "": { offered: all, pids: [1, process.pid], type: "domain" } }, "");
  const missed = await findUnifiedPlace(place, "pids");
  assert("problem" in missed);
  assert.match(missed.problem, /other processes are in it \(1\)/);
});

test("a controller is never enabled in a group that has processes of its own", async (t) => {
  const { own } = hierarchy(t, { "": { offered: all, pids: [1, process.pid], type: "domain" } }, "");
  await assert.rejects(prepareUnifiedPlace(own, "cpu"), /other processes are in it/);
  assert.equal(readFileSync(join(own, "cgroup.subtree_control"), "utf8"), "\n");
});

test("the host makes its groups where most controllers work, and in its own group where none does", async (t) => {
  const groups = { "": { offered: all, enabled: "memory cpu" }, session: { offered: all, pids: [process.pid, other] } };
  const beside = hierarchy(t, groups, "session");
  assert.equal(await openUnifiedPlace(beside), beside.mountPoint);
  const nowhere = hierarchy(t, { ...groups, "": { offered: all } }, "session");
  assert.equal(await openUnifiedPlace(nowhere), nowhere.own);
});
