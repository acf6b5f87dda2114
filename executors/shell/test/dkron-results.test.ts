import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import test from "node:test";
import { useShell } from "./support/use-shell.ts";

// Every row of the table of results of Dkron's shell executor, seen through both contracts.

const hang = { timeout: 60_000 };

for (const protocol of ["native", "dkron"] as const) {
  test(`${protocol}: exit 0 is success without a message`, hang, async (t) => {
    const { report } = await useShell(t).run({ command: "true" }, { protocol });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.equal(report.message, undefined);
    assert.equal(report.exitCode, 0);
    assert.equal(report.effect, "HAPPENED");
  });

  for (const code of [1, 3, 255]) {
    test(`${protocol}: exit ${code} fails with "exit status ${code}"`, hang, async (t) => {
      const { report, output } = await useShell(t).run({ command: `sh -c "echo why; exit ${code}"` }, { protocol });
      assert.equal(report.outcome, "FAILED");
      assert.equal(report.message, `exit status ${code}`);
      assert.equal(report.exitCode, code);
      assert.equal(report.signal, undefined);
      assert.equal(report.code, "EXIT_STATUS");
      assert.equal(output.toString(), "why\n");
    });
  }

  const signals = [
    ["SIGKILL", "signal: killed"],
    ["SIGTERM", "signal: terminated"],
    ["SIGSEGV", "signal: segmentation fault"],
    ["SIGHUP", "signal: hangup"],
    ["SIGPIPE", "signal: broken pipe"],
    ["SIGABRT", "signal: aborted"],
  ] as const;
  for (const [signal, message] of signals) {
    test(`${protocol}: a job that ${signal} ends fails with "${message}"`, hang, async (t) => {
      const { report } = await useShell(t).run({ command: `kill -${signal.slice(3)} $$`, shell: "true" }, { protocol });
      assert.equal(report.outcome, "FAILED");
      assert.equal(report.message, message);
      assert.equal(report.signal, signal);
      assert.equal(report.exitCode, undefined);
      assert.equal(report.code, "KILLED_BY_SIGNAL");
    });
  }

  test(`${protocol}: output written before a failure is there`, hang, async (t) => {
    const { stdout, stderr } = await useShell(t).run(
      { command: `sh -c "echo out; echo err >&2; exit 1"` },
      { protocol },
    );
    assert.equal(stdout.toString(), "out\n");
    assert.equal(stderr.toString(), "err\n");
  });

  test(`${protocol}: a missing program is told from one that failed`, hang, async (t) => {
    const { report, events } = await useShell(t).run({ command: "no-such-program-anywhere -x" }, { protocol });
    assert.equal(report.outcome, "FAILED");
    assert.match(report.message ?? "", /command not found: no-such-program-anywhere/);
    assert.equal(report.code, "COMMAND_NOT_FOUND");
    assert.equal(report.retryability, "PERMANENT");
    assert.equal(report.effect, "NONE");
    assert.match(report.hint ?? "", /PATH/);
    assert.equal(report.exitCode, undefined);
    assert.equal(events.at(-1)?.type, "result");
  });

  test(`${protocol}: a file without permission to run is told from a missing one`, hang, async (t) => {
    const shell = useShell(t);
    const path = `${shell.directory}/tool`;
    writeFileSync(path, "#!/bin/sh\n");
    chmodSync(path, 0o644);
    const { report } = await shell.run({ command: path }, { protocol });
    assert.equal(report.code, "NOT_EXECUTABLE");
    assert.match(report.message ?? "", new RegExp(`cannot execute ${path}: no permission`));
    assert.equal(report.effect, "NONE");
  });

  test(`${protocol}: a missing working directory is told as such`, hang, async (t) => {
    const { report } = await useShell(t).run({ command: "true", cwd: "/no/such/directory" }, { protocol });
    assert.equal(report.outcome, "FAILED");
    assert.equal(report.code, "CWD_UNUSABLE");
    assert.equal(report.message, "cannot work in /no/such/directory: there is no such directory");
    assert.equal(report.effect, "NONE");
  });

  test(`${protocol}: an unknown user is told as such`, hang, async (t) => {
    const { report } = await useShell(t).run({ command: "true", su: "no-such-user" }, { protocol });
    assert.equal(report.code, "USER_UNKNOWN");
    assert.equal(report.message, 'there is no user "no-such-user" on this machine');
  });

  test(`${protocol}: bad base64, duration and size are refused`, hang, async (t) => {
    const { report } = await useShell(t).run(
      { command: "true", payload: "%", timeout: "x", mem_limit: "y" },
      { protocol },
    );
    assert.equal(report.outcome, "REJECTED");
    assert.deepEqual(report.violations?.map(({ field }) => field).toSorted(), ["mem_limit", "payload", "timeout"]);
  });
}

test("native: a timeout is an outcome of its own", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "sleep 600", timeout: "200ms" });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.code, "TIMEOUT");
  assert.equal(report.message, "timed out after 200ms (signal: terminated)");
  assert.equal(report.signal, "SIGTERM");
});

test("dkron: a timeout reads as in Dkron, and the limit is told in a remark", hang, async (t) => {
  const { report } = await useShell(t).run(
    { command: "trap '' TERM; sleep 600", shell: "true", timeout: "200ms", grace: "300ms" },
    { protocol: "dkron" },
  );
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.message, "signal: killed");
  assert.deepEqual(report.warnings, [
    "timed out after 200ms (signal: killed)",
    "raise timeout if the job needs longer",
  ]);
});

test("dkron: a job that exits 0 when it is stopped for its timeout is no success", hang, async (t) => {
  const { report } = await useShell(t).run(
    { command: "trap 'exit 0' TERM; sleep 600 & wait", shell: "true", timeout: "200ms" },
    { protocol: "dkron" },
  );
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.exitCode, 0);
  assert.equal(report.message, "timed out after 200ms (exit status 0)");
});
