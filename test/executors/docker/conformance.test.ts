import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runConformance } from "../../../host/conformance/conformance.ts";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { guard } from "../../support/guard.ts";
import { DockerKit, skip } from "./support/docker.ts";

describe("the docker executor, tried from outside", { ...guard, skip: skip || skipUnlessBuilt("docker") }, () => {
  test("finds its containers again, ends them in time, and leaves none", guard, async () => {
    await using kit = new DockerKit();
    const shell = (script: string) =>
      kit.config({ command: JSON.stringify(["sh", "-c", script]), on_host_loss: "keep" });
    const { results } = await runConformance({
      path: join(pluginsDir, "dkron-executor-docker"),
      config: shell("echo one; echo two >&2"),
      longConfig: shell("sleep 600"),
      only: ["again", "life"],
      environment: process.env,
      allowedEnvironment: ["PATH", "HOME", "TMPDIR"],
    });
    const odd = results.filter(({ status }) => status === "failed" || status === "warned");
    assert.deepEqual(
      odd.map(({ id, reason }) => `${id}: ${reason}`),
      [],
    );
    const passed = results.filter(({ status }) => status === "passed").map(({ id }) => id);
    for (const id of ["again.ended", "again.running", "again.attempt"]) assert(passed.includes(id), `${id} was tried`);
    const left = await kit.docker("ps", "--all", "--filter", "name=conformance-", "--format", "{{.Names}}");
    assert.equal(left, "");
  });
});
