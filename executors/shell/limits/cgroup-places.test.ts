import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { choosePlaces } from "./cgroup-places.ts";
import type { Hierarchy } from "./hierarchies.ts";
import { JobCgroup } from "./job-cgroup.ts";

// Decisions for machines unlike this one, on directories that look like theirs.

interface Directory {
  readonly available?: string;
  readonly enabled?: string;
  /** It is the root, which has no type. */
  readonly isRoot?: true;
  /** It has processes of its own: the kernel lets nobody enable a controller below it. */
  readonly populated?: true;
}

function makeDirectory(path: string, { available = "", enabled = "", isRoot, populated }: Directory): void {
  mkdirSync(path, { recursive: true });
  if (!isRoot) writeFileSync(join(path, "cgroup.type"), "domain\n");
  writeFileSync(join(path, "cgroup.controllers"), available);
  writeFileSync(join(path, "cgroup.procs"), "");
  // Writing to a directory fails, as writing to the file of a populated cgroup does.
  if (populated) mkdirSync(join(path, "cgroup.subtree_control"));
  else writeFileSync(join(path, "cgroup.subtree_control"), enabled);
}

function useRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "shell-cgroup-"));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

function unified(mountPoint: string, ownDirectory: string): Hierarchy {
  return { version: 2, controllers: [], mountPoint, ownDirectory };
}

test("unified, at the root: controllers are enabled below it, and jobs go there", async (t) => {
  const root = useRoot(t);
  makeDirectory(root, { isRoot: true, available: "cpuset cpu io memory pids", enabled: "cpu" });
  const { byController, tracking } = await choosePlaces([unified(root, root)]);
  assert.deepEqual(tracking, { version: 2, directory: root });
  assert.deepEqual(Object.keys(byController).toSorted(), ["cpu", "memory", "pids"]);
});

test("unified, in a populated cgroup: jobs go beside it when the one above enables controllers", async (t) => {
  const root = useRoot(t);
  const above = join(root, "service");
  const own = join(above, "host");
  makeDirectory(above, { available: "cpu memory pids", enabled: "memory pids" });
  makeDirectory(own, { available: "memory pids", populated: true });
  const { byController, tracking } = await choosePlaces([unified(root, own)]);
  assert.deepEqual(tracking, { version: 2, directory: above });
  assert.deepEqual(byController, { memory: tracking, pids: tracking });
});

test("unified, in a populated cgroup: no controller is enabled below it, not even those that the kernel would take", async (t) => {
  const root = useRoot(t);
  const above = join(root, "service");
  const own = join(above, "host");
  makeDirectory(above, { available: "cpu memory pids", enabled: "cpu memory pids" });
  makeDirectory(own, { available: "cpu memory pids" });
  const { byController, tracking } = await choosePlaces([unified(root, own)]);
  assert.equal(readFileSync(join(own, "cgroup.subtree_control"), "utf8"), "");
  assert.deepEqual(tracking, { version: 2, directory: above });
  assert.deepEqual(byController, { memory: tracking, pids: tracking, cpu: tracking });
});

test("unified, without any controller: jobs go below, for tracking only", async (t) => {
  const root = useRoot(t);
  const own = join(root, "own");
  makeDirectory(root, { populated: true });
  makeDirectory(own, { available: "memory", populated: true });
  assert.deepEqual(await choosePlaces([unified(root, own)]), {
    byController: {},
    tracking: { version: 2, directory: own },
  });
});

test("hybrid: limits are held by version 1, tracking is done by version 2", async (t) => {
  const root = useRoot(t);
  for (const name of ["memory", "pids", "unified"]) makeDirectory(join(root, name), { populated: true });
  const places = await choosePlaces([
    { version: 1, controllers: ["memory"], mountPoint: join(root, "memory"), ownDirectory: join(root, "memory") },
    { version: 1, controllers: ["pids"], mountPoint: join(root, "pids"), ownDirectory: join(root, "pids") },
    unified(join(root, "unified"), join(root, "unified")),
  ]);
  assert.deepEqual(places.tracking, { version: 2, directory: join(root, "unified") });
  assert.deepEqual(places.byController.memory, { version: 1, directory: join(root, "memory") });
});

test("version 1 only: one of its hierarchies does the tracking", async (t) => {
  const root = useRoot(t);
  makeDirectory(root, {});
  const places = await choosePlaces([
    { version: 1, controllers: ["memory"], mountPoint: root, ownDirectory: root },
    { version: 1, controllers: ["pids"], mountPoint: root, ownDirectory: join(root, "not-there") },
  ]);
  assert.deepEqual(places, {
    byController: { memory: { version: 1, directory: root } },
    tracking: { version: 1, directory: root },
  });
});

test("a machine without cgroups has no places", async () => {
  assert.deepEqual(await choosePlaces([]), { byController: {}, tracking: undefined });
});

test("a cgroup of version 2 gets its limits in the files of version 2", async (t) => {
  const root = useRoot(t);
  makeDirectory(root, { isRoot: true, available: "cpu memory pids", enabled: "cpu memory pids" });
  const places = await choosePlaces([unified(root, root)]);
  const cgroup = await JobCgroup.create(places, "job", { memoryBytes: 64 << 20, processes: 10, cpus: 1.5 });
  assert.ok(cgroup !== undefined);
  assert.deepEqual(cgroup.enforced, { memory: 2, pids: 2, cpu: 2 });
  const read = (file: string): string => readFileSync(join(root, "job", file), "utf8");
  assert.equal(read("memory.max"), "67108864");
  assert.equal(read("memory.swap.max"), "0");
  assert.equal(read("memory.oom.group"), "1");
  assert.equal(read("pids.max"), "10");
  assert.equal(read("cpu.max"), "150000 100000");
  await cgroup.join(4711);
  assert.equal(read("cgroup.procs"), "4711");
});

test("the files of version 2 tell usage, kills and refusals", async (t) => {
  const root = useRoot(t);
  makeDirectory(root, { isRoot: true, available: "memory pids", enabled: "memory pids" });
  const cgroup = await JobCgroup.create(await choosePlaces([unified(root, root)]), "job", {
    memoryBytes: 1,
    processes: 1,
  });
  assert.ok(cgroup !== undefined);
  const write = (file: string, text: string): void => writeFileSync(join(root, "job", file), text);
  assert.equal(cgroup.memoryKills(), 0);
  assert.deepEqual(cgroup.usage(), { cpuTimeMs: undefined, peakMemoryBytes: undefined });
  write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 1\n");
  write("memory.peak", "1048576\n");
  write("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
  write("pids.events", "max 3\n");
  assert.equal(cgroup.memoryKills(), 2);
  assert.equal(cgroup.isMemoryLimitAbove(), false);
  write("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 1\n");
  assert.equal(cgroup.isMemoryLimitAbove(), true);
  assert.equal(cgroup.processRefusals(), 3);
  assert.deepEqual(cgroup.usage(), { cpuTimeMs: 1.5, peakMemoryBytes: 1048576 });
});
