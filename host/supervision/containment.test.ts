import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ownUnifiedGroup } from "./cgroup-places.ts";
import { Containment } from "./containment.ts";
import { tagVariable } from "./environment.ts";

test("what carries the tag of an instance is ended after a host that was killed, and left alone after one that stopped in order", async () => {
  const instanceId = randomUUID();
  const env = { ...process.env, [tagVariable]: `${instanceId}/1-1` };
  const child = spawn("sleep", ["1000"], { stdio: "ignore", env });
  const ended = once(child, "exit");
  await once(child, "spawn");

  const inOrder = await Containment.open(instanceId, { wasAbandoned: false });
  assert.equal(inOrder.leftovers, 0);
  assert.equal(child.exitCode ?? child.signalCode, null);
  await inOrder.containment.close();

  const abandoned = await Containment.open(instanceId, { wasAbandoned: true });
  assert.equal(abandoned.leftovers, 1);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  await abandoned.containment.close();
});

test("what an executor puts into a group beside its own ends with it, and all groups are gone", async (t) => {
  const own = await ownUnifiedGroup();
  if (own === undefined) return t.skip("needs a cgroup v2 that can be written to");
  const instanceId = randomUUID();
  const { containment } = await Containment.open(instanceId, { wasAbandoned: false });
  assert.equal(containment.method, "cgroup");
  const group = await containment.forProcess("1-1");
  const executor = spawn("sleep", ["1000"], { stdio: "ignore" });
  const job = spawn("sleep", ["1000"], { stdio: "ignore" });
  const ended = Promise.all([once(executor, "exit"), once(job, "exit")]);
  await Promise.all([once(executor, "spawn"), once(job, "spawn")]);
  await group.add(executor.pid ?? 0);
  const path = readFileSync(`/proc/${executor.pid}/cgroup`, "utf8");
  assert.match(path, new RegExp(`^0::.*/executor-host-${instanceId}/1-1/executor$`, "m"));

  const [joined = ""] = group.joins;
  const beside = join(dirname(dirname(joined)), "job");
  mkdirSync(beside);
  writeFileSync(join(beside, "cgroup.procs"), String(job.pid));
  assert.deepEqual(await group.killAll(), []);
  const killed = [null, "SIGKILL"];
  assert.deepEqual(await ended, [killed, killed]);
  assert.equal(existsSync(dirname(beside)), false);
  await containment.close();
  assert.deepEqual(globSync(join(own, `**/executor-host-${instanceId}`)), []);
});
