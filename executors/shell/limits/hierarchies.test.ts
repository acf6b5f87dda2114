import assert from "node:assert/strict";
import test from "node:test";
import { parseHierarchies } from "./hierarchies.ts";

test("a machine with only the unified hierarchy has one", () => {
  const mounts =
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n31 23 0:5 / /proc rw - proc proc rw\n";
  assert.deepEqual(parseHierarchies(mounts, "0::/system.slice/executor-host.service\n"), [
    {
      version: 2,
      controllers: [],
      mountPoint: "/sys/fs/cgroup",
      ownDirectory: "/sys/fs/cgroup/system.slice/executor-host.service",
    },
  ]);
});

test("a machine with separate hierarchies has one for each, with the controllers that are of use", () => {
  const mounts = [
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
  ].join("\n");
  const own = "9:name=systemd:/init.scope\n4:memory:/job/a\n2:cpu,cpuacct:/\n0::/\n";
  assert.deepEqual(
    parseHierarchies(mounts, own).map(({ version, controllers, ownDirectory }) => [version, controllers, ownDirectory]),
    [
      [1, ["cpu", "cpuacct"], "/sys/fs/cgroup/cpu,cpuacct"],
      [1, ["memory"], "/sys/fs/cgroup/memory/job/a"],
      [1, [], "/sys/fs/cgroup/systemd/init.scope"],
      [2, [], "/sys/fs/cgroup/unified"],
    ],
  );
});

test("in a container that sees only its part of a hierarchy, its own cgroup is found there", () => {
  const mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
  const directory = (own: string): string | undefined => parseHierarchies(mounts, `4:memory:${own}`)[0]?.ownDirectory;
  assert.equal(directory("/docker/abc"), "/sys/fs/cgroup/memory");
  assert.equal(directory("/docker/abc/inner"), "/sys/fs/cgroup/memory/inner");
  assert.equal(directory("/docker/abcdef"), "/sys/fs/cgroup/memory");
});

test("mount points with blanks are read, and a hierarchy this process is not in is left out", () => {
  const mounts =
    String.raw`35 31 0:32 / /mnt/a\040b rw - cgroup cgroup rw,memory` +
    "\n36 31 0:33 / /mnt/c rw - cgroup cgroup rw,pids";
  assert.deepEqual(
    parseHierarchies(mounts, "4:memory:/x").map(({ ownDirectory }) => ownDirectory),
    ["/mnt/a b/x"],
  );
});
