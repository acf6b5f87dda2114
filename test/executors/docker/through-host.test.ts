import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect, outputOf, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { HostProcess } from "../../support/host-process.ts";
import { DockerKit, skip } from "./support/docker.ts";

/** Says what it is up to, and goes on when the file is there. */
const patient = `echo before; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo after; exit 3`;
/** Does not end when it is asked to. */
const stubborn = `trap '' TERM; echo before; while true; do sleep 0.05; done`;

describe("a container run by a host", { ...guard, skip: skip || skipUnlessBuilt("docker") }, () => {
  for (const victim of ["executor", "host"] as const) {
    test(`goes on when the ${victim} is killed, and its end is told`, guard, async () => {
      await using kit = new DockerKit();
      await using host = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
      const { id, container, rest } = await begin(host, kit, victim, patient, { on_host_loss: "keep" });
      const { attempts } = await host.client.get(id);
      if (victim === "executor") {
        process.kill(attempts[0]?.executorPid ?? 0, "SIGKILL");
      } else {
        await host.kill();
        await rest;
        await host.start();
      }
      await until(host.client.watch(id), (event) => event.type === "output" && event.attempt === 2);
      assert.deepEqual(await kit.containersOf(id), [container], "the same one, and no other");
      await kit.docker("exec", container, "touch", "/tmp/go");
      const { events, result } = await collect(host.client.watch(id));
      assert.deepEqual([result.outcome, result.exitCode, result.evidence?.["reattached"]], ["FAILED", 3, true]);
      const second = events.filter((event) => event.attempt === 2);
      assert.equal(outputOf(second, "stdout").toString(), "before\nafter\n");
      await rest;
      assert.deepEqual(await kit.containersOf(id), []);
    });
  }

  test("is stopped when the host is killed, and its end is told by the next one", guard, async () => {
    await using kit = new DockerKit();
    await using host = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
    const { id, container, rest } = await begin(host, kit, "host-gone", stubborn);
    await host.kill();
    await rest;
    await eventually("it has ended", async () => {
      return (await kit.docker("inspect", "--format", "{{.State.Running}}", container)) === "false";
    });
    await host.start();
    const { events, result } = await collect(host.client.watch(id));
    assert.deepEqual([result.outcome, result.exitCode, result.evidence?.["reattached"]], ["FAILED", 137, true]);
    const second = events.filter((event) => event.attempt === 2);
    assert.equal(outputOf(second, "stdout").toString(), "before\n");
    assert.deepEqual(await kit.containersOf(id), []);
  });

  for (const onHostLoss of ["stop", "keep"]) {
    test(`is stopped by another process when the executor dies over a cancel (${onHostLoss})`, guard, async () => {
      await using kit = new DockerKit();
      await using host = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
      const config = { on_host_loss: onHostLoss };
      const { id, container, rest } = await begin(host, kit, `cancelled-${onHostLoss}`, stubborn, config);
      const { attempts } = await host.client.get(id);
      await host.client.cancel(id, { graceMs: 2_000 });
      process.kill(attempts[0]?.executorPid ?? 0, "SIGKILL");
      await rest;
      const { result } = await collect(host.client.watch(id));
      assert.deepEqual([result.outcome, result.evidence?.["containerName"]], ["CANCELLED", container]);
      const steps = result.stop?.steps.map(({ action }) => action);
      assert.deepEqual(steps?.slice(-3), ["recall", "SIGTERM", "SIGKILL"]);
      assert.deepEqual(result.stop?.survivors, []);
      assert.deepEqual(await kit.containersOf(id), [], "nothing runs when the result is there");
    });
  }
});

/** Start a container through a host, and wait until it has written something. */
async function begin(
  host: HostProcess,
  kit: DockerKit,
  name: string,
  script: string,
  more: Record<string, string> = {},
): Promise<{ id: string; container: string; rest: Promise<unknown> }> {
  const id = `through-${name}-${process.pid}`;
  const config = kit.config({ command: JSON.stringify(["sh", "-c", script]), ...more });
  const stream = host.client.execute({ id, executor: "docker", config });
  await until(stream, (event) => event.type === "output");
  const rest = Array.fromAsync(stream).catch(() => []); // it breaks with the host
  const [container = ""] = await kit.containersOf(id);
  return { id, container, rest };
}
