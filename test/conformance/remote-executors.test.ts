import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runConformance } from "../../host/conformance/conformance.ts";
import { guard } from "../support/guard.ts";

const plugins = join(import.meta.dirname, "../../dist/plugins");

/** Groups of checks that run nothing at the remote system. */
const only = ["start", "link", "describe", "validate", "end"];

const executors = ["kafka", "nats", "rabbitmq", "grpc", "gcppubsub", "docker", "ecs"];

for (const name of executors) {
  test(`the ${name} executor conforms in all that needs no ${name}`, guard, async () => {
    const { contracts, results } = await runConformance({
      path: join(plugins, `dkron-executor-${name}`),
      only,
      environment: process.env,
      allowedEnvironment: ["PATH", "HOME", "TMPDIR"],
    });
    const odd = results.filter(({ status }) => status === "failed" || status === "warned");
    assert.deepEqual(
      odd.map(({ id, reason }) => `${id}: ${reason}`),
      [],
    );
    assert.deepEqual(contracts, ["native", "dkron"]);
    assert(results.filter(({ status }) => status === "passed").length > 20);
  });
}
