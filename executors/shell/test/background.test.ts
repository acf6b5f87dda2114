import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { readProcess } from "../process/proc.ts";
import { eventually, killProcessesOf, processesOf, withEachSupervisor } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

withEachSupervisor((useShell) => {
  test("a background process that closed its output but stayed in the group is stopped, and named", hang, async (t) => {
    const { report } = await useShell(t).run({ command: "sleep 600 >/dev/null 2>&1 & exit 3", shell: "true" });
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.exitCode, 3);
    assert.match(report.warnings?.join() ?? "", /1 process was still running .* stopped: \d+ sleep 600/);
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGTERM", "verify"],
    );
  });

  test("a background process that left the group and holds the output is stopped", hang, async (t) => {
    const { report, stdout } = await useShell(t).run({ command: "setsid sleep 600 & echo hi", shell: "true" });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.equal(stdout.toString(), "hi\n");
    assert.match(report.warnings?.join() ?? "", /stopped: \d+ sleep 600/);
  });

  test(
    "a background process that holds the output and emptied its environment is found by the pipe",
    hang,
    async (t) => {
      const shell = useShell(t);
      const pidFile = `${shell.directory}/pid`;
      const { report } = await shell.run({
        command: `(env -i setsid sh -c 'echo $$ > ${pidFile}; exec sleep 600' &) ; sleep 0.3; echo hi`,
        shell: "true",
      });
      assert.match(report.warnings?.join() ?? "", /stopped: \d+ sleep 600/);
      const pid = Number(readFileSync(pidFile, "utf8"));
      assert.ok(readProcess(pid)?.zombie ?? true);
    },
  );

  test("what a background process writes while it is being stopped still arrives", hang, async (t) => {
    const child = "trap 'echo late; exit' TERM; while :; do sleep 0.05; done";
    const { stdout } = await useShell(t).run({ command: `sh -c "${child}" & sleep 0.3; echo early`, shell: "true" });
    assert.equal(stdout.toString(), "early\nlate\n");
  });

  test("a background process that ignores the stop signal is killed when the grace is over", hang, async (t) => {
    const { report } = await useShell(t).run({
      command: "sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & sleep 0.3",
      shell: "true",
      grace: "200ms",
    });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.deepEqual([...new Set(report.stop?.steps.map(({ action }) => action))], ["SIGTERM", "SIGKILL", "verify"]);
  });

  test("a background process that never stops writing does not hold the job", hang, async (t) => {
    const { report, stdout } = await useShell(t).run({
      command: "while :; do echo noise; sleep 0.01; done & echo first",
      shell: "true",
    });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.match(stdout.toString(), /first\n/);
  });

  test("background keep leaves processes running, able to write, and names them", hang, async (t) => {
    const shell = useShell(t);
    const proof = `${shell.directory}/proof`;
    // Writes more than a pipe holds, so that it can only get to the end if somebody reads.
    const started = shell.start({
      command: `sh -c 'sleep 0.5; head -c 1000000 /dev/zero; echo $? > ${proof}' & echo hi`,
      shell: "true",
      background: "keep",
    });
    const { report, stdout } = await started.finished;
    assert.equal(report.outcome, "SUCCEEDED");
    assert.equal(stdout.toString(), "hi\n");
    assert.equal(report.stop, undefined);
    assert.match(report.warnings?.join() ?? "", /still running when the main process ended, and kept: \d+ /);
    await eventually(() => assert.equal(readFileSync(proof, "utf8"), "0\n"));
    await eventually(() => assert.deepEqual(processesOf([started.id]), []));
  });

  test("a daemon that left the group and closed its output is left alone without a word", hang, async (t) => {
    const started = useShell(t).start({ command: "setsid sleep 600 >/dev/null 2>&1 & sleep 0.2", shell: "true" });
    const { report } = await started.finished;
    assert.equal(report.outcome, "SUCCEEDED");
    assert.deepEqual(report.warnings, []);
    assert.deepEqual(processesOf([started.id]), ["sleep 600"]);
    killProcessesOf(started.id);
  });

  test("a daemon that is left alone is also left alone when others have to be stopped", hang, async (t) => {
    const started = useShell(t).start({
      command: "setsid sleep 600 >/dev/null 2>&1 & sleep 601 & sleep 0.2",
      shell: "true",
    });
    const { report } = await started.finished;
    assert.match(report.warnings?.join() ?? "", /1 process was still running .* stopped: \d+ sleep 601$/);
    assert.deepEqual(processesOf([started.id]), ["sleep 600"]);
    killProcessesOf(started.id);
  });
});
