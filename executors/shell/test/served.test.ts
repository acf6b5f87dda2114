import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";
import { commandLine, listProcesses, readProcess } from "../process/proc.ts";
import { supervisorVariable } from "../spawner/choose-spawner.ts";
import { eventually, killProcessesOf, processesOf } from "./support/use-shell.ts";

// The executor as a process of its own, over a real plugin link.

const hang = { timeout: 120_000 };
const main = join(import.meta.dirname, "../main.ts");

test("the host's contract: describe, validate, run, cancel", hang, async () => {
  await using executor = await launchExecutor(main);
  const { name, configSchema, capabilities } = await executor.describe();
  assert.equal(name, "shell");
  assert.equal(capabilities.cancel, true);
  const properties = configSchema["properties"] as Record<string, { description?: string }>;
  for (const key of ["command", "shell", "env", "cwd", "su", "payload", "timeout", "mem_limit"])
    assert.ok(key in properties);
  for (const [key, property] of Object.entries(properties)) assert.match(property.description ?? "", /\.$/, key);

  const violations = await executor.validate({ command: "a | b", timeout: "5" });
  assert.deepEqual(
    violations.map(({ field }) => field),
    ["timeout"],
  );
  assert.deepEqual(
    (await executor.validate({ command: "a | b" })).map(({ field }) => field),
    ["command"],
  );

  const run = await executor.execute(
    { command: "echo $JOB_NAME; echo x > /dev/stderr; exit 3", shell: "true" },
    { jobName: "nightly" },
  );
  assert.equal(run.report.outcome, "FAILED");
  assert.equal(run.report.exitCode, 3);
  assert.equal(run.stdout.toString(), "nightly\n");
  assert.equal(run.stderr.toString(), "x\n");
  assert.deepEqual(
    run.events.map(({ type }) => type).filter((type) => type !== "output"),
    ["started", "result"],
  );

  const started = executor.start({ command: "echo ready; sleep 600 & wait", shell: "true" });
  await started.waitForOutput("ready");
  started.cancel({ reason: "enough", graceMs: 5_000 });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.message, "stopped: enough (signal: terminated)");
  assert.deepEqual(
    report.stop?.steps.map(({ action }) => action),
    ["SIGTERM", "verify"],
  );
});

test("a dropped call kills the job with all it has started", hang, async () => {
  await using executor = await launchExecutor(main);
  const started = executor.start({
    command: "trap '' TERM; (setsid sleep 600 &); echo ready; while :; do sleep 600; done",
    shell: "true",
  });
  await started.waitForOutput("ready");
  started.force();
  await assert.rejects(started.finished);
  await eventually(() => assert.deepEqual(processesOf([started.id]), []));
});

for (const era of ["v1.2.0", "v2.2.0", "v4.0.9"] as const) {
  test(`Dkron ${era} runs a job, and sees its output and its error`, hang, async () => {
    await using executor = await launchForDkron(main);
    const good = await executor.execute(
      { command: "sh -c 'echo out; echo $ENV_JOB_NAME'" },
      { jobName: "nightly", era },
    );
    assert.equal(good.error, "");
    assert.equal(good.output.toString(), "out\nnightly\n");
    const bad = await executor.execute({ command: "sh -c 'echo why; exit 4'" }, { era });
    assert.equal(bad.error, "exit status 4");
    assert.equal(bad.output.toString(), "why\n");
    const late = await executor.execute({ command: "sleep 600", timeout: "200ms" }, { era });
    assert.equal(late.error, "signal: terminated");
    assert.match(late.output.toString(), /timed out after 200ms/);
  });
}

for (const supervisor of ["native", "none"])
  test(
    `when the executor is killed, its jobs die with it, and its files go: supervisor ${supervisor}`,
    hang,
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "shell-test-"));
      const temporary = join(directory, "with a blank");
      mkdirSync(temporary);
      await using executor = await launchExecutor(main, {
        env: { PATH: process.env["PATH"] ?? "", TMPDIR: temporary, [supervisorVariable]: supervisor },
      });
      const command = "trap '' TERM; (setsid sh -c 'echo ready; exec sleep 600' &); while :; do sleep 600; done";
      const jobs = [
        executor.start({ command, shell: "true" }),
        executor.start({ script: command, outputs: "true" }),
        executor.start({ command, shell: "true" }),
      ];
      const ended = Promise.allSettled(jobs.map((job) => job.finished));
      await Promise.all(jobs.map((job) => job.waitForOutput("ready")));
      const done = executor.start({ command: "setsid sleep 600 >/dev/null 2>&1 & sleep 0.2", shell: "true" });
      const finished = await done.finished;
      assert.equal(finished.report.outcome, "SUCCEEDED");

      assert.equal(finished.report.evidence?.["supervisor"], supervisor);
      const helper = listProcesses().find(
        ({ pid, parentPid }) => parentPid === executor.plugin.pid && /supervisor|lifeline/.test(commandLine(pid)),
      );
      assert.ok(helper !== undefined);
      process.kill(executor.plugin.pid, "SIGKILL");
      await ended;
      await eventually(() => assert.deepEqual(processesOf(jobs.map(({ id }) => id)), []));
      await eventually(() => assert.deepEqual(readdirSync(temporary), []));
      await eventually(() => assert.notEqual(readProcess(helper.pid)?.startTicks, helper.startTicks));
      // A daemon that a finished job left behind is none of its business.
      assert.deepEqual(processesOf([done.id]), ["sleep 600"]);
      killProcessesOf(done.id);
      rmSync(directory, { recursive: true });
    },
  );
