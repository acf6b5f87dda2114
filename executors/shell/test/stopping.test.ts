import assert from "node:assert/strict";
import test from "node:test";
import type { Report } from "@executor-host/sdk";
import { needsRoot } from "./support/needs.ts";
import { eventually, killProcessesOf, processesOf, withEachSupervisor } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

/** A process that left the job's group, session and parent, and closed its outputs; `ready` is printed once it is there. */
const daemon = `(setsid sh -c '(setsid sleep 600 >/dev/null 2>&1 & echo ready)' &)`;

function sleepersOf(id: string): number {
  return processesOf([id]).filter((line) => line === "sleep 600").length;
}

function actions(report: Report): string[] {
  return report.stop?.steps.map(({ action }) => action) ?? [];
}

withEachSupervisor((useShell) => {
  test("cancel asks the whole process group, and the job ends CANCELLED", hang, async (t) => {
    const started = useShell(t).start({ command: "sleep 600 & echo ready; wait", shell: "true" });
    await started.waitForOutput("ready");
    started.cancel({ reason: "not needed any more" });
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.code, "CANCELLED");
    assert.equal(report.message, "stopped: not needed any more (signal: terminated)");
    assert.equal(report.signal, "SIGTERM");
    assert.deepEqual(actions(report), ["SIGTERM", "verify"]);
    assert.deepEqual(report.stop?.survivors, []);
  });

  test("cancel reaches a process that forked twice and called setsid", hang, async (t) => {
    const started = useShell(t).start({ command: `${daemon}; sleep 600`, shell: "true" });
    await started.waitForOutput("ready");
    await eventually(() => assert.equal(sleepersOf(started.id), 2));
    started.cancel();
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.deepEqual(processesOf([started.id]), []);
    assert.match(report.stop?.steps.map(({ detail }) => detail).join("\n") ?? "", /sleep 600: cancelled by the test/);
  });

  test("a job that ignores the stop signal is killed when the grace is over", hang, async (t) => {
    const started = useShell(t).start({
      command: "trap '' TERM; echo ready; while :; do sleep 600; done",
      shell: "true",
    });
    await started.waitForOutput("ready");
    const askedMs = performance.now();
    started.cancel({ graceMs: 300 });
    const { report } = await started.finished;
    assert.equal(report.signal, "SIGKILL");
    assert.deepEqual(actions(report), ["SIGTERM", "SIGKILL", "verify"]);
    // Timers of Node may be a millisecond early.
    assert.ok(performance.now() - askedMs >= 299);
  });

  test("a job that ends politely leaves time to those of its children that do not", hang, async (t) => {
    const child = "trap 'sleep 0.3; echo child done; exit' TERM; echo ready; while :; do sleep 0.05; done";
    const started = useShell(t).start({ command: `sh -c "${child}" & wait`, shell: "true" });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 20_000 });
    const { report, stdout } = await started.finished;
    assert.match(stdout.toString(), /child done/);
    assert.deepEqual(actions(report), ["SIGTERM", "verify"]);
  });

  test("force kills at once, also in the middle of the grace", hang, async (t) => {
    const started = useShell(t).start({
      command: `trap '' TERM; ${daemon}; while :; do sleep 600; done`,
      shell: "true",
    });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 3_600_000 });
    started.force();
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.signal, "SIGKILL");
    assert.deepEqual(processesOf([started.id]), []);
  });

  test("a grace of zero kills without asking", hang, async (t) => {
    const started = useShell(t).start({
      command: "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done",
      shell: "true",
    });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 0 });
    const { report, stdout } = await started.finished;
    assert.equal(stdout.toString(), "ready\n");
    assert.deepEqual(actions(report), ["SIGKILL", "verify"]);
  });

  test("stop_signal is what the job gets", hang, async (t) => {
    const started = useShell(t).start({
      command: "trap 'echo got INT; exit 0' INT; echo ready; while :; do sleep 0.05; done",
      shell: "true",
      stop_signal: "SIGINT",
    });
    await started.waitForOutput("ready");
    started.cancel();
    const { report, stdout } = await started.finished;
    assert.equal(stdout.toString(), "ready\ngot INT\n");
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.exitCode, 0);
  });

  test("a stopped process hears the stop signal", hang, async (t) => {
    const started = useShell(t).start({
      command: "trap 'echo heard; exit 0' TERM; echo ready; kill -STOP $$; exit 1",
      shell: "true",
    });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 20_000 });
    const { stdout, report } = await started.finished;
    assert.equal(stdout.toString(), "ready\nheard\n");
    assert.deepEqual(actions(report), ["SIGTERM", "verify"]);
  });

  test("processes that are born while the job is being killed do not escape", hang, async (t) => {
    const breed = `breed() { while :; do (setsid sleep 600 >/dev/null 2>&1 &); done; }; echo ready; breed & breed & wait`;
    const started = useShell(t).start({ command: `trap '' TERM; ${breed}`, shell: "true", processes_limit: "4000" });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 0 });
    const { report } = await started.finished;
    assert.deepEqual(report.stop?.survivors, []);
    assert.deepEqual(processesOf([started.id]), []);
  });

  test("a cancel that comes before the start starts nothing", hang, async (t) => {
    const shell = useShell(t);
    const { report, stdout } = await shell.run(
      { command: "echo ran", mem_limit: "1GB" },
      { signal: AbortSignal.abort() },
    );
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.effect, "NONE");
    assert.equal(stdout.toString(), "");
  });

  test(
    "a job that has ended by itself is not CANCELLED by a cancel that comes while its remains are dealt with",
    hang,
    async (t) => {
      const started = useShell(t).start({
        command: "(trap '' TERM; echo ready; while :; do sleep 600; done) & exit 0",
        shell: "true",
        grace: "1h",
      });
      await started.waitForOutput("ready");
      started.cancel();
      const { report } = await started.finished;
      assert.ok(["SUCCEEDED", "CANCELLED"].includes(report.outcome));
      assert.deepEqual(processesOf([started.id]), []);
    },
  );

  test("output written during the grace arrives, and so do bytes without a line end", hang, async (t) => {
    const started = useShell(t).start({
      command: "trap 'printf bye; exit' TERM; echo ready; while :; do sleep 0.05; done",
      shell: "true",
    });
    await started.waitForOutput("ready");
    started.cancel();
    assert.equal((await started.finished).stdout.toString(), "ready\nbye");
  });

  test("a job of another user is stopped with all its processes", hang, async (t) => {
    if (!needsRoot(t)) return;
    const started = useShell(t).start({ command: `${daemon}; sleep 600`, shell: "true", su: "nobody" });
    await started.waitForOutput("ready");
    started.cancel();
    const { report } = await started.finished;
    assert.deepEqual(report.stop?.survivors, []);
    assert.deepEqual(processesOf([started.id]), []);
  });

  test("jobs that run at the same time do not touch each other", hang, async (t) => {
    const shell = useShell(t);
    // More than ten, and all the same: the tag of the first must not be found in that of the tenth.
    const jobs = Array.from({ length: 12 }, () =>
      shell.start({ command: `${daemon}; sleep 600 & wait`, shell: "true" }),
    );
    await Promise.all(jobs.map((job) => job.waitForOutput("ready")));
    const [first, ...others] = jobs;
    first?.cancel();
    assert.equal((await first?.finished)?.report.outcome, "CANCELLED");
    for (const job of others) await eventually(() => assert.equal(sleepersOf(job.id), 2));
    for (const job of others) job.cancel();
    for (const job of others) assert.equal((await job.finished).report.outcome, "CANCELLED");
    assert.deepEqual(processesOf(jobs.map(({ id }) => id)), []);
  });

  test("jobs that are cancelled at any moment of their lives leave nothing behind", hang, async (t) => {
    const shell = useShell(t);
    const configs = [
      { command: `${daemon}; sleep 0.05`, shell: "true" },
      { command: "sleep 0.03 & sleep 0.02", shell: "true", umask: "022" },
      { script: "cat; sleep 0.05", payload: "aGk=", outputs: "true" },
      { command: "true", isolation: "cgroup", nice: "1" },
      { command: "true" },
    ];
    const jobs = Array.from({ length: 60 }, (_, index) => {
      const job = shell.start(configs[index % configs.length] ?? {});
      setTimeout(() => (index % 3 === 0 ? job.force() : job.cancel({ graceMs: index % 2 ? 50 : 5_000 })), index * 4);
      return job;
    });
    for (const job of jobs) {
      const { report } = await job.finished;
      assert.ok(["SUCCEEDED", "CANCELLED"].includes(report.outcome), `${report.outcome}: ${report.message}`);
      assert.deepEqual(report.stop?.survivors ?? [], []);
    }
    for (const job of jobs) killProcessesOf(job.id);
  });

  test("on_cancel runs before the stop signal, beside the job, and its end is a step", hang, async (t) => {
    const shell = useShell(t);
    const started = shell.start({
      command: "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
      shell: "true",
      env: "LEVEL=7",
      cwd: shell.directory,
      on_cancel: 'kill -0 "$JOB_PID" && echo "level $LEVEL in $(pwd)"; echo stopping >&2; exit 3',
    });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 30_000 });
    const { report, stdout, stderr } = await started.finished;
    assert.deepEqual(actions(report), ["on_cancel", "SIGTERM", "verify"]);
    assert.equal(report.stop?.steps[0]?.detail, "exit status 3");
    assert.equal(stdout.toString(), "ready\nasked\n");
    // Among them may be what a shell says when its child is asked.
    const lines = stderr.toString().split("\n");
    assert.ok(lines.includes(`level 7 in ${shell.directory}`) && lines.includes("stopping"), stderr.toString());
  });

  test("on_cancel may end the job itself, and then nobody has to be asked", hang, async (t) => {
    const started = useShell(t).start({
      command: "echo ready; sleep 600",
      shell: "true",
      on_cancel: 'kill -KILL "-$JOB_PID"; while kill -0 "$JOB_PID" 2>/dev/null; do sleep 0.01; done',
    });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 30_000 });
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.stop?.steps[0]?.detail, "exit status 0");
    assert.deepEqual(report.stop?.survivors, []);
  });

  test(
    "on_cancel that takes too long is killed with all it has started, and the job is asked all the same",
    hang,
    async (t) => {
      const started = useShell(t).start({
        command: "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
        shell: "true",
        on_cancel: "(setsid sleep 601 &); sleep 602",
        on_cancel_timeout: "200ms",
      });
      await started.waitForOutput("ready");
      started.cancel({ graceMs: 30_000 });
      const { report, stdout } = await started.finished;
      assert.equal(report.stop?.steps[0]?.detail, "took too long, and was killed");
      assert.deepEqual(actions(report), ["on_cancel", "SIGTERM", "verify"]);
      assert.equal(stdout.toString(), "ready\nasked\n");
      assert.deepEqual(processesOf([started.id]), []);
    },
  );

  test("on_cancel is cut short by force, and does not run without a grace", hang, async (t) => {
    const shell = useShell(t);
    const config = { command: "echo ready; sleep 600", shell: "true", on_cancel: "echo began >&2; sleep 601" };
    const forced = shell.start({ ...config, on_cancel_timeout: "1h" });
    await forced.waitForOutput("ready");
    forced.cancel({ graceMs: 3_600_000 });
    await forced.waitForOutput("began");
    forced.force();
    const steps = actions((await forced.finished).report);
    assert.equal(steps[0], "on_cancel");
    assert.ok(!steps.includes("SIGINT") && steps.includes("SIGKILL"), steps.join());
    const killed = shell.start(config);
    await killed.waitForOutput("ready");
    killed.cancel({ graceMs: 0 });
    assert.deepEqual(actions((await killed.finished).report), ["SIGKILL", "verify"]);
  });
});
