import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { supervisorVariable } from "../spawner/choose-spawner.ts";
import { needsRoot, needsSupervisor } from "./support/needs.ts";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

test("args are passed on exactly as they are", hang, async (t) => {
  const args = ["a b", "", "c;d", "$HOME", '"', "'", "\\", "ü\n", "--x=1"];
  const { stdout } = await useShell(t).run({ command: "printf", args: JSON.stringify(["%s|", ...args]) });
  assert.equal(stdout.toString(), args.map((arg) => `${arg}|`).join(""));
});

test("with args, command is a program and is not split", hang, async (t) => {
  const shell = useShell(t);
  const path = `${shell.directory}/my tool`;
  writeFileSync(path, '#!/bin/sh\necho "$0" "$@"\n');
  chmodSync(path, 0o755);
  const { stdout } = await shell.run({ command: path, args: '["x y"]' });
  assert.equal(stdout.toString(), `${path} x y\n`);
});

test("with shell, args are the positional parameters, safe from the shell", hang, async (t) => {
  const { stdout } = await useShell(t).run({ command: 'echo "$1|$2"', shell: "true", args: '["a; rm x","$(date)"]' });
  assert.equal(stdout.toString(), "a; rm x|$(date)\n");
});

test("a script runs under /bin/sh from a private file that is gone afterwards", hang, async (t) => {
  const { stdout } = await useShell(t).run({
    script: 'set -e\nls -l "$0" | cut -c1-10\nls -ld "$(dirname "$0")" | cut -c1-10\necho $1',
    args: '["x"]',
  });
  assert.equal(stdout.toString(), "-rwx------\ndrwx------\nx\n");
});

test("a script runs under its interpreter", hang, async (t) => {
  const shell = useShell(t);
  const node = JSON.stringify([process.execPath, "--no-warnings"]);
  const { stdout } = await shell.run({
    script: "console.log(process.argv[2], 6 * 7)",
    interpreter: node,
    args: '["a b"]',
  });
  assert.equal(stdout.toString(), "a b 42\n");
  const words = await shell.run({ script: "echo $-", interpreter: "sh -e" });
  assert.match(words.stdout.toString(), /e/);
});

test("a script that begins with #! runs as it says", hang, async (t) => {
  // cat as the interpreter: what it prints is the script itself.
  const { stdout } = await useShell(t).run({ script: "#!/bin/cat\nnot a shell's" });
  assert.equal(stdout.toString(), "#!/bin/cat\nnot a shell's");
});

test("another user can run a script", hang, async (t) => {
  if (!needsRoot(t)) return;
  const { report, stdout } = await useShell(t).run({ script: "id -un", su: "nobody", outputs: "true" });
  assert.equal(report.outcome, "SUCCEEDED", report.message);
  assert.equal(stdout.toString(), "nobody\n");
});

test("a program is looked for in the job's PATH", hang, async (t) => {
  const shell = useShell(t);
  mkdirSync(`${shell.directory}/bin`);
  writeFileSync(`${shell.directory}/bin/only-here`, "#!/bin/sh\necho found\n");
  chmodSync(`${shell.directory}/bin/only-here`, 0o755);
  const { stdout } = await shell.run({ command: "only-here", env: `PATH=${shell.directory}/bin:/bin` });
  assert.equal(stdout.toString(), "found\n");
});

test("a program with a slash is relative to cwd", hang, async (t) => {
  const shell = useShell(t);
  writeFileSync(`${shell.directory}/tool`, "#!/bin/sh\necho here\n");
  chmodSync(`${shell.directory}/tool`, 0o755);
  const { stdout } = await shell.run({ command: "./tool", cwd: shell.directory });
  assert.equal(stdout.toString(), "here\n");
});

test("stdin_file is read by the job", hang, async (t) => {
  const shell = useShell(t);
  writeFileSync(`${shell.directory}/it's input`, "lines\n");
  const { stdout } = await shell.run({ command: "cat", stdin_file: `${shell.directory}/it's input` });
  assert.equal(stdout.toString(), "lines\n");
});

test("a stdin_file that is not there fails before the job has begun", hang, async (t) => {
  const { report, events } = await useShell(t).run({ command: "cat", stdin_file: "/no/such/file" });
  assert.equal(report.code, "STDIN_FILE_UNREADABLE");
  assert.equal(report.effect, "NONE");
  assert.match(report.message ?? "", /no such file/i);
  assert.equal(events.at(-1)?.type, "result");
});

test("a stdin_file that waits for a writer can be cancelled, and nothing has happened then", hang, async (t) => {
  const shell = useShell(t);
  const path = `${shell.directory}/fifo`;
  execFileSync("mkfifo", [path]);
  const timedOut = await shell.run({ command: "cat", stdin_file: path, timeout: "300ms" });
  assert.equal(timedOut.report.outcome, "TIMED_OUT");
  assert.equal(timedOut.report.effect, "NONE");
  const started = shell.start({ command: "cat", stdin_file: path });
  setTimeout(() => started.cancel(), 300);
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.equal(report.effect, "NONE");
});

test("an environment or argument that is too large for the kernel is told as such", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", env: JSON.stringify({ A: "x".repeat(300_000) }) });
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.code, "ARGUMENTS_TOO_LONG");
  assert.match(report.hint ?? "", /payload/);
  assert.equal(report.effect, "NONE");
});

test("a script whose interpreter is missing is told as such", hang, async (t) => {
  const { report } = await useShell(t).run({ script: "#!/no/such/interpreter\n" });
  assert.equal(report.code, "COMMAND_NOT_FOUND");
  assert.match(report.message ?? "", /interpreter/);
  assert.equal(report.effect, "NONE");
});

test("a directory is not a program", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "/tmp" });
  assert.equal(report.code, "NOT_EXECUTABLE");
  assert.match(report.message ?? "", /it is a directory/);
});

test("a program its user may not run is told as such", hang, async (t) => {
  if (!needsRoot(t)) return;
  const shell = useShell(t);
  const path = `${shell.directory}/tool`;
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, 0o700);
  const { report } = await shell.run({ command: path, su: "nobody" });
  assert.equal(report.code, "NOT_EXECUTABLE");
  assert.match(report.message ?? "", /permission denied/);
});

test("an unknown group is told as such", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", group: "no-such-group" });
  assert.equal(report.code, "GROUP_UNKNOWN");
});

for (const supervisor of ["native", "none"]) {
  test(`more jobs than there are file descriptors for take turns: supervisor ${supervisor}`, hang, async (t) => {
    if (supervisor === "native" && !needsSupervisor(t)) return;
    const fixture = join(import.meta.dirname, "fixtures/run-many.ts");
    const config = JSON.stringify({ command: "sleep 0.1", payload: "aGkK" });
    const { stdout } = await promisify(execFile)(
      "/bin/sh",
      ["-c", 'ulimit -n 256; exec "$@"', "sh", process.execPath, fixture, "120", config],
      { env: { ...process.env, [supervisorVariable]: supervisor } },
    );
    assert.deepEqual(JSON.parse(stdout), { SUCCEEDED: 120 });
  });
}
