import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect, outputOf, until } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { HostProcess } from "../../support/host-process.ts";
import { DockerKit, skip } from "./support/docker.ts";

/** Says what it is up to, and goes on when the file is there. */
const patient = `echo before; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo after; exit 3`;

describe("a container run by a host", { ...guard, skip: skip || skipUnlessBuilt("docker") }, () => {
  for (const victim of ["executor", "host"] as const) {
    test(`goes on when the ${victim} is killed, and its end is told`, guard, async () => {
      await using kit = new DockerKit();
      await using host = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
      const id = `through-${victim}-${process.pid}`;
      const config = kit.config({ command: JSON.stringify(["sh", "-c", patient]), on_host_loss: "keep" });
      const stream = host.client.execute({ id, executor: "docker", config });
      await until(stream, (event) => event.type === "output");
      const rest = Array.fromAsync(stream).catch(() => []); // it breaks with the host
      const [container = ""] = await kit.containersOf(id);
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
});
