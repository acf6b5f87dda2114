import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
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
