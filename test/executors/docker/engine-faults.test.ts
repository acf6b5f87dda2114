import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { guard } from "../../support/guard.ts";
import { DockerKit, skip } from "./support/docker.ts";
import { cannotStart, PrivateEngine } from "./support/private-engine.ts";

/** Counts, so that a gap in the output would be seen, and ends on its own. */
const counting = JSON.stringify([
  "sh",
  "-c",
  "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); sleep 0.1; done; exit 3",
]);
const counted = Array.from({ length: 60 }, (_, index) => `${index}\n`).join("");

/** Engines take their time to come up. */
const patience = { timeout: 3 * guard.timeout };

describe("an engine", { ...patience, skip: skip || cannotStart }, () => {
  test("that is restarted while its container goes on is waited for, and no output is lost or repeated", async () => {
    await using engine = await PrivateEngine.start("--live-restore");
    await using kit = new DockerKit({ host: engine.host });
    const started = kit.start({ command: counting });
    await started.waitForOutput("5\n");
    await engine.end("SIGTERM");
    await started.waitFor((event) => event.type === "progress" && (event.message ?? "").startsWith("waiting for"));
    await engine.start();
    const { report, stdout } = await started.finished;
    assert.equal(report.exitCode, 3, report.message);
    assert.equal(stdout.toString(), counted);
    assert.ok(Number(report.evidence?.["engineLosses"]) > 0);
  });

  test("that is killed is waited for, and what became of the container is told", async () => {
    await using engine = await PrivateEngine.start();
    await using kit = new DockerKit({ host: engine.host });
    const started = kit.start({ command: counting });
    await started.waitForOutput("5\n");
    await engine.kill();
    await engine.start();
    const { report, stdout } = await started.finished;
    assert.notEqual(report.outcome, "SUCCEEDED");
    assert.match(report.message ?? "", /engine was away meanwhile|exit status/);
    assert.ok(counted.startsWith(stdout.toString()), "what there is of the output is right");
  });

  test("that does not come back is given up in time, and a stop does not wait for that", async () => {
    await using engine = await PrivateEngine.start("--live-restore");
    await using kit = new DockerKit({ host: engine.host });
    const config = { command: "sh -c 'echo ready; sleep 600'", on_host_loss: "keep" };
    const given = kit.start({ ...config, engine_timeout: "500ms" });
    const stopped = kit.start(config);
    await Promise.all([given, stopped].map((run) => run.waitForOutput("ready")));
    await engine.end("SIGTERM");
    const { report } = await given.finished;
    assert.equal(report.code, "ENGINE_LOST");
    assert.equal(report.effect, undefined, "nobody knows");
    stopped.cancel({ graceMs: 0 });
    await engine.start();
    const { report: stop } = await stopped.finished;
    assert.equal(stop.outcome, "CANCELLED");
    assert.deepEqual(stop.stop?.survivors, []);
    const again = kit.start({ ...config, engine_timeout: "500ms" }, { id: given.id });
    await again.waitForOutput("ready");
    again.cancel({ graceMs: 0 });
    assert.equal((await again.finished).report.evidence?.["reattached"], true);
  });
});

describe("an engine that cannot be used", { ...guard, skip }, () => {
  const failureAt = async (host: string) => {
    const kit = new DockerKit({ host });
    const { report } = await kit.run({ command: "true" });
    await kit.definition.close?.();
    assert.equal(report.effect, "NONE");
    return report;
  };

  test("because there is none has run nothing, and trying again may help", async () => {
    const report = await failureAt("unix:///nowhere/docker.sock");
    assert.equal(report.code, "ENGINE_UNREACHABLE");
    assert.equal(report.retryability, "RETRYABLE");
    assert.equal((await failureAt("tcp://127.0.0.1:1")).code, "ENGINE_UNREACHABLE");
  });
});
