import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { guard } from "../../support/guard.ts";
import { DockerKit, endpoint, skip } from "./support/docker.ts";

describe("a container that shall stop", { ...guard, skip }, () => {
  test("is asked, may say something, and is gone", async () => {
    await using kit = new DockerKit();
    const script = `trap 'echo cleaning; exit 5' TERM; echo ready; while :; do sleep 0.1; done`;
    const started = kit.start({ command: JSON.stringify(["sh", "-c", script]) });
    await started.waitForOutput("ready");
    started.cancel({ reason: "enough", graceMs: 60_000 });
    const { report, stdout } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.message, "stopped: enough (exit status 5)");
    assert.equal(stdout.toString(), "ready\ncleaning\n");
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGTERM"],
    );
    assert.deepEqual(report.stop?.survivors, []);
  });

  test("is killed when it ignores that", async () => {
    await using kit = new DockerKit();
    const started = kit.start({ image: endpoint("stubborn") });
    await started.waitForOutput("deaf");
    started.cancel({ graceMs: 300 });
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.signal, "SIGKILL");
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGTERM", "SIGKILL"],
    );
    assert.deepEqual(report.stop?.survivors, []);
  });

  test("is killed at once when the host drops the call, also in the middle of its grace time", async () => {
    await using kit = new DockerKit();
    const started = kit.start({ image: endpoint("stubborn") });
    await started.waitForOutput("deaf");
    started.cancel({ graceMs: 3_600_000 });
    started.force();
    assert.equal((await started.finished).report.outcome, "CANCELLED");
    const dropped = kit.start({ image: endpoint("stubborn") });
    await dropped.waitForOutput("deaf");
    dropped.force();
    const { report } = await dropped.finished;
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGKILL"],
    );
    // It waits for somebody who executes the same again.
    await kit.run({ image: endpoint("stubborn") }, { id: dropped.id });
  });

  test("is asked with its own signal", async () => {
    await using kit = new DockerKit();
    const script = `trap 'exit 7' INT; trap '' TERM; echo ready; while :; do sleep 0.1; done`;
    const started = kit.start({ command: JSON.stringify(["sh", "-c", script]), stop_signal: "SIGINT" });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 60_000 });
    const { report } = await started.finished;
    assert.equal(report.exitCode, 7);
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGINT"],
    );
  });

  test("after its time is up ends TIMED_OUT", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: "sleep 60", timeout: "300ms", init: "true" });
    assert.equal(report.outcome, "TIMED_OUT");
    assert.equal(report.code, "TIMEOUT");
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGTERM"],
    );
  });

  test("before it runs is not made", async () => {
    await using kit = new DockerKit();
    const { report } = await kit.run({ command: "echo no" }, { signal: AbortSignal.abort() });
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.effect, "NONE");
  });

  test("and is removed by somebody else meanwhile is not waited for", async () => {
    await using kit = new DockerKit();
    const started = kit.start({ command: "sh -c 'echo ready; sleep 60'" }, { id: "stopping-removed" });
    await started.waitForOutput("ready");
    await kit.docker("rm", "--force", "executor-host-stopping-removed-1");
    const { report } = await started.finished;
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.signal ?? report.code, report.signal === undefined ? "CONTAINER_GONE" : "SIGKILL");
  });
});
