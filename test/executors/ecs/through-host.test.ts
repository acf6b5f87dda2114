import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Account } from "../../../executors/ecs/testing/account.ts";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { collect, until } from "../../support/collect.ts";
import { guard } from "../../support/guard.ts";
import { HostProcess } from "../../support/host-process.ts";
import { service } from "../../support/services.ts";

const emulator = service("ecs");

describe("a task run by a host", { ...guard, skip: emulator.skip || skipUnlessBuilt("ecs") }, () => {
  for (const victim of ["executor", "host"] as const) {
    test(`goes on when the ${victim} is killed, and its end is told`, guard, async () => {
      const [region, endpoint] = [emulator.endpoint("region"), emulator.endpoint("api")];
      const cluster = `through-${victim}-${process.pid}`;
      using account = new Account({ region, endpoint, cluster });
      await account.createCluster();
      await account.register(cluster, { name: "main", image: "etl:3", memory: 64, essential: true });
      await using host = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
      // Not in the config: a host that was killed cannot go on with what has secrets.
      mkdirSync(host.path(".aws"));
      writeFileSync(host.path(".aws/credentials"), "[default]\naws_access_key_id = id\naws_secret_access_key = key\n");
      const network = { fargate: "yes", subnet: "subnet-1" };
      const times = { poll_interval: "1s", log_drain: "200ms", logs: "false", on_host_loss: "keep" };
      const config = { region, endpoint, cluster, taskdefName: cluster, ...network, ...times };
      const stream = host.client.execute({ id: cluster, executor: "ecs", config });
      await until(stream, (event) => event.type === "started");
      const rest = Array.fromAsync(stream).catch(() => []); // it breaks with the host
      if (victim === "executor") {
        const { attempts } = await host.client.get(cluster);
        process.kill(attempts[0]?.executorPid ?? 0, "SIGKILL");
      } else {
        await host.kill();
        await host.start();
      }
      const { result } = await collect(host.client.watch(cluster));
      await rest;
      assert.deepEqual([result.outcome, result.evidence?.["reattached"]], ["SUCCEEDED", true], result.message);
      const { attempts } = await host.client.get(cluster);
      assert.deepEqual(
        attempts.map(({ resumes }) => resumes),
        [false, true],
      );
      assert.equal(await account.countTasks(), 1, "the same one, and no other");
    });
  }
});
