import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { thisOwner } from "../../../executors/docker/container/owner.ts";
import { parseEndpoint } from "../../../executors/docker/engine/endpoint.ts";
import { Engine } from "../../../executors/docker/engine/engine.ts";
import { parsePolicy } from "../../../executors/docker/policy/policy.ts";
import { sweep } from "../../../executors/docker/sweep/sweep.ts";
import { MemoryLogger } from "../../../executors/sdk/testing/memory-logger.ts";
import { guard } from "../../support/guard.ts";
import { DockerKit, skip } from "./support/docker.ts";

/** Not where other executors of these tests are: they sweep as well. */
const owner = { ...thisOwner(), place: randomUUID() };

/** A container as a host has left it that ran here and is dead. */
function abandoned(kit: DockerKit, id: string, ...command: readonly string[]): Promise<string> {
  const { place } = owner;
  const labels = { execution: id, owner: `${place} 1 1`, "on-host-loss": "stop" };
  const options = Object.entries(labels).flatMap(([key, value]) => ["--label", `io.executor-host.${key}=${value}`]);
  const image = kit.config({})["image"] ?? "";
  return kit.docker(
    "run",
    "--detach",
    "--network",
    "none",
    "--name",
    `executor-host-${id}-1`,
    ...options,
    image,
    ...command,
  );
}

/** @param looked the containers to judge: other tests have theirs on the same engine */
async function sweepWith(
  kit: DockerKit,
  policy: object,
  looked: readonly string[],
  held: readonly string[] = [],
): Promise<readonly string[]> {
  using engine = await Engine.open(parseEndpoint(kit.host), {});
  const log = new MemoryLogger();
  const loaded = parsePolicy(JSON.stringify(policy), "the test");
  assert.ok(loaded.policy);
  const signal = AbortSignal.timeout(60_000);
  const isHeld = (id: string) => held.includes(id) || !looked.includes(id);
  await sweep({ engine, policy: loaded.policy, owner, signal, log, isHeld, orphanMs: 0 });
  return log.entries.map(({ message, fields }) => `${message}: ${String(fields?.["container"])}`);
}

describe("a sweep", { ...guard, skip }, () => {
  test("removes what a dead host has left, and nothing else", async () => {
    await using kit = new DockerKit();
    const running = await abandoned(kit, "sweep-running", "sleep", "600");
    const ended = await abandoned(kit, "sweep-ended", "true");
    await kit.docker("wait", "executor-host-sweep-ended-1");
    const stranger = await kit.docker(
      "run",
      "--detach",
      "--network",
      "none",
      kit.config({})["image"] ?? "",
      "sleep",
      "600",
    );
    const alive = kit.start({ command: "sh -c 'echo ready; sleep 600'" });
    await alive.waitForOutput("ready");
    const [followed = ""] = await kit.containersOf(alive.id);
    const ours = [running, ended, stranger, await kit.docker("inspect", "--format", "{{.Id}}", followed)];
    try {
      assert.deepEqual(await sweepWith(kit, { sweep: "off" }, ours), []);
      const dryRun = await sweepWith(kit, { sweep: "report", sweep_after: "0s" }, ours);
      assert.deepEqual(dryRun, [
        "would remove an abandoned container: executor-host-sweep-ended-1",
        "would remove an abandoned container: executor-host-sweep-running-1",
      ]);
      assert.deepEqual(
        await sweepWith(kit, {}, ours, [running]),
        [],
        "one waits to be collected, the other has a follower",
      );
      const removed = await sweepWith(kit, { sweep_after: "0s" }, ours);
      assert.equal(removed.length, 2);
      assert.deepEqual(await kit.containersOf("sweep-running"), []);
      assert.deepEqual(await kit.containersOf("sweep-ended"), []);
      assert.equal((await kit.containersOf(alive.id)).length, 1);
      assert.notEqual(await kit.docker("ps", "--quiet", "--filter", `id=${stranger}`), "");
    } finally {
      await kit.docker("rm", "--force", stranger);
      alive.cancel({ graceMs: 0 });
      await alive.finished;
    }
  });
});
