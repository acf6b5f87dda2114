import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test, { type TestContext } from "node:test";
import { needsRoot, needsSupervisor } from "./support/needs.ts";
import { processesOf, useShell, withEachSupervisor, type ShellUnderTest } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };
const isolation = "pid-namespace";

/** Not every machine lets its root make namespaces: a container may forbid it. */
async function needsNamespaces(t: TestContext, shell: ShellUnderTest): Promise<boolean> {
  if (!needsRoot(t)) return false;
  const { report } = await shell.run({ command: "true", isolation });
  if (report.code !== "ISOLATION_UNAVAILABLE") return true;
  if (process.env["CI"] === "true") throw new Error(report.message);
  t.skip(report.message);
  return false;
}

withEachSupervisor((useIt) => {
  test("every job leads a session and a process group of its own", hang, async (t) => {
    const { report, stdout } = await useIt(t).run({ command: "echo $$; cat /proc/self/stat", shell: "true" });
    const [pid, stat = ""] = stdout.toString().split("\n");
    const [, , , group, session] = stat.split(" ");
    assert.deepEqual([pid, group, session], [pid, pid, pid]);
    assert.equal(report.evidence?.["pid"], Number(pid));
  });

  test("in a pid namespace a job sees only itself", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const { report, stdout } = await shell.run({ command: "ls -d /proc/[0-9]*; exit 4", shell: "true", isolation });
    assert.ok(stdout.toString().split("\n").length <= 6, stdout.toString());
    assert.equal(report.exitCode, 4);
  });

  test("the end of a job's main process ends its pid namespace", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const { report } = await shell.run({
      command: "(env -i setsid sleep 600 >/dev/null 2>&1 &); sleep 0.2; exit 0",
      shell: "true",
      isolation,
    });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.deepEqual(report.warnings, []);
  });

  test("a job in a pid namespace hears the stop signal, though it does not handle it", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const started = shell.start({ command: "sh -c 'echo ready; exec sleep 600'", isolation });
    await started.waitForOutput("ready");
    started.cancel({ graceMs: 30_000 });
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.equal(report.exitCode, 128 + 15);
    assert.deepEqual(
      report.stop?.steps.map(({ action }) => action),
      ["SIGTERM", "verify"],
    );
  });

  test("force ends a pid namespace with everything in it", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const started = shell.start({
      command: "trap '' TERM; (env -i setsid sleep 600 >/dev/null 2>&1 &); echo ready; while :; do sleep 600; done",
      shell: "true",
      isolation,
    });
    await started.waitForOutput("ready");
    started.force();
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.deepEqual(report.stop?.survivors, []);
    assert.deepEqual(processesOf([started.id]), []);
  });

  test("another user gets a pid namespace as well, and stays that user", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const { report, stdout } = await shell.run({
      command: "id -u; grep NoNewPrivs /proc/self/status",
      shell: "true",
      isolation,
      su: "nobody",
      no_new_privs: "true",
    });
    if (report.code === "ISOLATION_UNAVAILABLE") {
      if (process.env["CI"] === "true") assert.fail(report.message);
      return t.skip(report.message);
    }
    assert.equal(stdout.toString(), "65534\nNoNewPrivs:\t1\n");
  });

  test("a pid namespace is compatible with limits, payload and a working directory", hang, async (t) => {
    const shell = useIt(t);
    if (!(await needsNamespaces(t, shell))) return;
    const { stdout, report } = await shell.run({
      command: "cat; pwd; ulimit -n; umask",
      shell: "true",
      isolation,
      payload: "aGkK",
      cwd: shell.directory,
      open_files_limit: "64",
      umask: "077",
      mem_limit: "1GB",
    });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(stdout.toString(), `hi\n${shell.directory}\n64\n0077\n`);
  });

  test("what a job brings along does not run with the executor's rights", hang, async (t) => {
    if (!needsRoot(t)) return;
    const shell = useIt(t);
    // A launcher is needed for all of these; it must not be a way to have root run something.
    const trap = `${shell.directory}/trap`;
    const { report, stdout } = await shell.run({
      command: "id -u",
      su: "nobody",
      umask: "022",
      nice: "1",
      env: JSON.stringify({
        ENV: "/etc/passwd",
        BASH_ENV: "/etc/passwd",
        PATH: trap + ":/usr/bin:/bin",
        LD_LIBRARY_PATH: trap,
      }),
      cwd: "/",
    });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(stdout.toString(), "65534\n");
  });

  const fileKeys = [
    ["stdin_file", "STDIN_FILE_UNREADABLE"],
    ["env_file", "ENV_FILE_UNREADABLE"],
    ["cwd", "CWD_UNUSABLE"],
  ] as const;
  for (const [key, code] of fileKeys) {
    test(`${key} opens nothing to the job that its user may not open`, hang, async (t) => {
      if (!needsRoot(t)) return;
      const shell = useIt(t);
      const directory = `${shell.directory}/private`;
      mkdirSync(directory, { mode: 0o700 });
      writeFileSync(`${directory}/file`, "SECRET=1\n");
      const path = key === "cwd" ? directory : `${directory}/file`;
      const { report, output } = await shell.run({ command: "sh -c 'cat; env; ls'", su: "nobody", [key]: path });
      assert.equal(report.outcome, "FAILED");
      assert.equal(report.effect, "NONE");
      assert.equal(report.code, code);
      assert.equal(output.toString(), "");
    });
  }
});

/** Keys that only the native supervisor can do. */
const nativeOnly = [{ network: "none" }, { read_only: "true" }] as const;

for (const keys of nativeOnly) {
  test(
    `without the native supervisor ${Object.keys(keys).join()} is refused before the job has begun`,
    hang,
    async (t) => {
      const { report } = await useShell(t, "none").run({ command: "echo ran", ...keys });
      assert.equal(report.code, "ISOLATION_UNAVAILABLE");
      assert.match(report.message ?? "", /needs the native supervisor/);
      assert.equal(report.effect, "NONE");
    },
  );
}

test("network none leaves a job the loopback interface, and nothing else", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  if (!(await needsNamespaces(t, shell))) return;
  const { report, stdout } = await shell.run({
    command: "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat /sys/class/net/lo/flags",
    shell: "true",
    network: "none",
    su: "nobody",
  });
  assert.equal(report.outcome, "SUCCEEDED", report.message);
  assert.match(stdout.toString(), /^lo\n/);
  assert.equal(stdout.toString().split("\n").length, 3, stdout.toString());
});

test("read_only keeps even root from writing, except where it is allowed", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  if (!(await needsNamespaces(t, shell))) return;
  const [open, closed] = [`${shell.directory}/open`, `${shell.directory}/closed`];
  for (const directory of [open, closed]) mkdirSync(directory, { mode: 0o777 });
  const { report, stdout } = await shell.run({
    command: `
      echo kept > ${open}/file && echo wrote
      echo lost 2>/dev/null > ${closed}/file || echo refused
      touch relative 2>/dev/null || echo refused
      cd ${open} && echo there > relative && cat relative
      echo x > /dev/null && echo "answer=42" >> "$EXECUTION_OUTPUT_FILE"`,
    shell: "true",
    cwd: closed,
    read_only: "true",
    writable_paths: open,
    outputs: "true",
  });
  assert.equal(report.outcome, "SUCCEEDED", report.message);
  assert.equal(stdout.toString(), "wrote\nrefused\nrefused\nthere\n");
  assert.deepEqual(report.evidence?.["outputs"], { answer: "42" });
  assert.equal(readFileSync(`${open}/file`, "utf8"), "kept\n");
  writeFileSync(`${closed}/file`, "outside nothing has changed");
});

test("a writable path that is not there is told as such", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", read_only: "true", writable_paths: "/no/such/path" });
  assert.equal(report.code, "SETUP_FAILED");
  assert.match(report.message ?? "", /\/no\/such\/path writable/);
});
