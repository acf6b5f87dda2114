import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { launchExecutor } from "@executor-host/sdk/testing";
import { guard } from "../../support/guard.ts";
import { DockerKit, skip } from "./support/docker.ts";

const main = join(import.meta.dirname, "../../../executors/docker/main.ts");
/** Says what it is up to, and goes on when the file is there. */
const patient = `echo before; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo after; exit 3`;
const job = { command: JSON.stringify(["sh", "-c", patient]) };

describe("the same execution id", { ...guard, skip }, () => {
  test("finds the container again after the executor was killed, with its log and its result", async () => {
    await using kit = new DockerKit();
    const id = "reattach-killed";
    {
      await using executor = await launchExecutor(main);
      const first = executor.start(kit.config(job), { id });
      await first.waitForOutput("before");
      process.kill(executor.plugin.pid, "SIGKILL");
      await assert.rejects(first.finished);
    }
    const [name = ""] = await kit.containersOf(id);
    const again = kit.start(job, { id });
    await again.waitForOutput("before");
    await kit.docker("exec", name, "touch", "/tmp/go");
    const { report, stdout } = await again.finished;
    assert.equal(stdout.toString(), "before\nafter\n");
    assert.equal(report.exitCode, 3);
    assert.equal(report.evidence?.["reattached"], true);
  });

  test("finds a container that has ended meanwhile, and does not run it again", async () => {
    await using kit = new DockerKit();
    const id = "reattach-ended";
    const first = kit.start({ ...job, on_host_loss: "keep" }, { id });
    await first.waitForOutput("before");
    first.force("the host is gone");
    const left = await first.finished;
    assert.equal(left.report.message, "left running: the host is gone");
    const name = `executor-host-${id}-1`;
    await kit.docker("exec", name, "touch", "/tmp/go");
    await kit.docker("wait", name);
    const { report, stdout } = await kit.run({ ...job, on_host_loss: "keep" }, { id });
    assert.equal(stdout.toString(), "before\nafter\n");
    assert.equal(report.exitCode, 3);
    assert.equal(report.evidence?.["reattached"], true);
  });

  test("in a next attempt goes on with the container of the last one when nobody has its result", async () => {
    await using kit = new DockerKit();
    const id = "reattach-attempt";
    const config = { ...job, on_host_loss: "keep" };
    const first = kit.start(config, { id });
    await first.waitForOutput("before");
    first.force("the host is gone");
    await first.finished;
    const second = kit.start(config, { id, attempt: 2 });
    await second.waitForOutput("before");
    assert.deepEqual(await kit.containersOf(id), [`executor-host-${id}-1`]);
    await kit.docker("exec", `executor-host-${id}-1`, "touch", "/tmp/go");
    assert.equal((await second.finished).report.exitCode, 3);
    const third = await kit.run({ command: "echo anew" }, { id, attempt: 3 });
    assert.equal(third.stdout.toString(), "anew\n");
  });

  test("on two hosts at the same time runs one container, and both hear the end of it", async () => {
    await using one = new DockerKit();
    await using two = new DockerKit();
    const id = "reattach-two";
    const runs = [one, two].map((kit) => kit.start(job, { id }));
    await Promise.all(runs.map((run) => run.waitForOutput("before")));
    assert.deepEqual(await one.containersOf(id), [`executor-host-${id}-1`]);
    await one.docker("exec", `executor-host-${id}-1`, "touch", "/tmp/go");
    const [first, second] = await Promise.all(runs.map((run) => run.finished));
    assert.equal(first?.report.exitCode, 3);
    assert.equal(second?.report.exitCode, 3);
    const reattached = [first, second].filter((run) => run?.report.evidence?.["reattached"] === true);
    assert.equal(reattached.length, 1);
  });

  test("with another config is refused, and leaves the container alone", async () => {
    await using kit = new DockerKit();
    const id = "reattach-conflict";
    const first = kit.start(job, { id });
    await first.waitForOutput("before");
    const { report } = await kit.run({ command: "echo other" }, { id });
    assert.equal(report.code, "EXECUTION_ID_CONFLICT");
    first.cancel({ graceMs: 0 });
    assert.equal((await first.finished).stdout.toString(), "before\n");
  });
});

describe("a container whose host is gone", { ...guard, skip }, () => {
  test("is stopped unless the job says otherwise, and still tells its end to who executes the same again", async () => {
    await using kit = new DockerKit();
    const id = "lost-stopped";
    const run = kit.start(job, { id });
    await run.waitForOutput("before");
    run.force("the host is gone");
    assert.match((await run.finished).report.message ?? "", /^stopped: the host is gone/);
    assert.deepEqual(await kit.containersOf(id), [`executor-host-${id}-1`]);
    const again = await kit.run(job, { id });
    assert.equal(again.stdout.toString(), "before\n");
    assert.deepEqual([again.report.outcome, again.report.signal], ["FAILED", "SIGKILL"]);
    assert.deepEqual(await kit.containersOf(id), []);
  });

  test("is always stopped and removed under Dkron", async () => {
    await using kit = new DockerKit();
    const run = kit.start({ ...job, on_host_loss: "keep" }, { protocol: "dkron" });
    await run.waitForOutput("before");
    run.force("the host is gone");
    assert.match((await run.finished).report.message ?? "", /^stopped: the host is gone/);
    assert.deepEqual(await kit.containersOf(run.id), []);
  });
});
