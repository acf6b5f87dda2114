import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import test from "node:test";
import { useShell } from "./support/use-shell.ts";

// Defects of Dkron's shell executor, one by one; none of them may come back here.

const hang = { timeout: 60_000 };
/** Holds 300 MB, for ten minutes: tail keeps a line in memory until it ends. */
const eatMemory = "(head -c 300m /dev/zero; sleep 600) | tail";

test("mem_limit without timeout or su ends the job", hang, async (t) => {
  const { report } = await useShell(t).run({ command: eatMemory, shell: "true", mem_limit: "64MB" });
  assert.equal(report.outcome, "OUT_OF_MEMORY");
  assert.deepEqual(report.stop?.survivors, []);
});

test("a job with mem_limit that stays below it leaves no watcher behind", hang, async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const shell = useShell(t);
  await shell.run({ command: "true", mem_limit: "1GB" });
  const before = timers();
  for (let round = 0; round < 5; round++) await shell.run({ command: "true", mem_limit: "1GB" });
  assert.equal(timers(), before);
});

test("a payload larger than a pipe reaches the job, and one that nobody reads does not stop it", hang, async (t) => {
  const shell = useShell(t);
  const bytes = randomBytes(1 << 20);
  const read = await shell.run({ command: "cat", payload: bytes.toString("base64") });
  assert.equal(read.report.outcome, "SUCCEEDED");
  assert.ok(read.stdout.equals(bytes));
  const ignored = await shell.run({ command: "echo done", payload: bytes.toString("base64") });
  assert.equal(ignored.report.outcome, "SUCCEEDED");
  assert.equal(ignored.stdout.toString(), "done\n");
});

test("a timeout ends a job that never reads its payload", hang, async (t) => {
  const payload = randomBytes(200_000).toString("base64");
  const { report } = await useShell(t).run({ command: "sleep 600", payload, timeout: "300ms" });
  assert.equal(report.outcome, "TIMED_OUT");
});

test("a bad mem_limit is found before anything is started", hang, async (t) => {
  const shell = useShell(t);
  const { report } = await shell.run({ command: `touch ${shell.directory}/ran`, mem_limit: "64 MB" });
  assert.equal(report.outcome, "REJECTED");
  assert.equal(existsSync(`${shell.directory}/ran`), false);
});

test("both outputs at once keep their bytes apart and in order", hang, async (t) => {
  const lines = 20_000;
  const write = (to: string): string => `i=0; while [ $i -lt ${lines} ]; do echo ${to}$i; i=$((i+1)); done`;
  const { stdout, stderr } = await useShell(t).run({
    command: `(${write("out")}) & (${write("err")}) >&2; wait`,
    shell: "true",
  });
  const expected = (from: string): string => Array.from({ length: lines }, (_, index) => `${from}${index}\n`).join("");
  assert.ok(stdout.toString() === expected("out"), "stdout differs");
  assert.ok(stderr.toString() === expected("err"), "stderr differs");
});

test("the word about a timeout is never lost", hang, async (t) => {
  const shell = useShell(t);
  const runs = await Promise.all(
    Array.from({ length: 8 }, () => shell.run({ command: "sleep 600", timeout: "100ms" }, { protocol: "dkron" })),
  );
  for (const { report } of runs) assert.equal(report.warnings?.[0], "timed out after 100ms (signal: terminated)");
});

test("a background process that holds the output does not hold the job", hang, async (t) => {
  const { report, stdout } = await useShell(t).run({ command: "sleep 600 & echo hi", shell: "true" });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.equal(stdout.toString(), "hi\n");
  assert.match(
    report.warnings?.join() ?? "",
    /1 process was still running when the main process ended, and stopped: \d+ sleep 600/,
  );
});

test("a process that left the group and holds the output does not outlive a timeout", hang, async (t) => {
  const { report } = await useShell(t).run({
    command: "setsid sleep 600 & sleep 600",
    shell: "true",
    timeout: "300ms",
  });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.deepEqual(report.stop?.survivors, []);
});

test("a job is asked before it is killed", hang, async (t) => {
  const { report, stdout } = await useShell(t).run({
    command: "trap 'echo cleaning up; exit 7' TERM; echo ready; sleep 600 & wait",
    shell: "true",
    timeout: "500ms",
  });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.equal(report.exitCode, 7);
  assert.equal(stdout.toString(), "ready\ncleaning up\n");
});

test("neither the command nor its output nor its environment is logged", hang, async (t) => {
  const { logs } = await useShell(t).run({
    command: "echo secret-in-command",
    env: "TOKEN=secret-in-env",
    payload: "c2VjcmV0LWlu",
  });
  assert.doesNotMatch(JSON.stringify(logs), /secret/);
});

test("what is in the executor's environment does not reach the job", hang, async (t) => {
  process.env["DKRON_ENCRYPT"] = "key";
  t.after(() => delete process.env["DKRON_ENCRYPT"]);
  const { stdout } = await useShell(t).run({ command: "env" });
  assert.doesNotMatch(stdout.toString(), /DKRON_ENCRYPT/);
});

test("memory of processes that lost their parent counts", hang, async (t) => {
  const { report } = await useShell(t).run({
    command: `(${eatMemory} &) ; sleep 600`,
    shell: "true",
    mem_limit: "64MB",
  });
  assert.equal(report.outcome, "OUT_OF_MEMORY");
});

test("exit codes, umask and niceness can be chosen", hang, async (t) => {
  const { report, stdout } = await useShell(t).run({
    command: "umask; nice; exit 9",
    shell: "true",
    umask: "027",
    nice: "7",
    success_codes: "0,9",
  });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.equal(report.exitCode, 9);
  assert.equal(stdout.toString(), "0027\n7\n");
});

test("a misspelt boolean is refused", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "true", shell: "ture" });
  assert.equal(report.outcome, "REJECTED");
});
