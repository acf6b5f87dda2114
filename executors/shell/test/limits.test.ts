import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import type { Report } from "@executor-host/sdk";
import { createShell } from "../definition.ts";
import { removeCgroup } from "../limits/cgroup-files.ts";
import { findCgroupPlaces } from "../limits/cgroup-places.ts";
import { needsController, needsSupervisor, needsUnifiedCgroups } from "./support/needs.ts";
import { useShell } from "./support/use-shell.ts";

const hang = { timeout: 60_000 };

/** Holds 300 MB, for ten minutes: tail keeps a line in memory until it ends. */
const eatMemory = "(head -c 300m /dev/zero; sleep 600) | tail";

test("a memory limit is held by a cgroup, and named in the result", hang, async (t) => {
  if (!(await needsController(t, "memory"))) return;
  const { report } = await useShell(t).run({ command: eatMemory, shell: "true", mem_limit: "64MB" });
  assert.equal(report.outcome, "OUT_OF_MEMORY");
  assert.equal(report.code, "MEMORY_LIMIT");
  assert.match(report.message ?? "", /^out of memory: limit 64MB, peak 64MB \(/);
  assert.match(JSON.stringify(report.evidence?.["memoryLimitHeldBy"]), /^"cgroup v[12]"$/);
  assert.equal(report.evidence?.["memoryLimitBytes"], 64 * 1024 * 1024);
  assert.equal(report.usage?.source, "cgroup");
  assert.ok((report.usage?.peakMemoryBytes ?? 0) > 60 * 1024 * 1024);
  assert.deepEqual(report.warnings, []);
});

test("a job whose shell hides that a child was killed for memory is out of memory all the same", hang, async (t) => {
  if (!(await needsController(t, "memory"))) return;
  const { report } = await useShell(t).run({
    command: "head -c 300m /dev/zero | tail | wc -c; exit 0",
    shell: "true",
    mem_limit: "64MB",
  });
  assert.equal(report.outcome, "OUT_OF_MEMORY");
});

/** Run a job in an executor that may have so much memory with everything it starts, as a host can hold it to. */
async function runLimited(
  t: TestContext,
  memoryBytes: number,
  config: Readonly<Record<string, string>>,
): Promise<Report> {
  const { byController } = await findCgroupPlaces();
  const { version, directory = "" } = byController.memory ?? {};
  const group = await mkdtemp(join(directory, "limited-"));
  t.after(() => removeCgroup(group));
  await writeFile(join(group, version === 2 ? "memory.max" : "memory.limit_in_bytes"), String(memoryBytes));
  // Of version 2, only below a group without processes of its own can others be limited.
  const own = version === 2 ? join(group, "executor") : group;
  if (version === 2) {
    await mkdir(own);
    await writeFile(join(group, "cgroup.subtree_control"), "+memory");
  }
  const enter = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"';
  const fixture = join(import.meta.dirname, "fixtures/run-shell.ts");
  const command = ["-c", enter, "sh", own, process.execPath, fixture, JSON.stringify(config)];
  const { stdout } = await promisify(execFile)("/bin/sh", command);
  return (JSON.parse(stdout) as { report: Report }).report;
}

for (const mem_limit of ["1GB", undefined]) {
  const name = mem_limit === undefined ? "no limit" : "a larger limit";
  test(`a job with ${name} of its own that is killed for the executor's says whose it was`, hang, async (t) => {
    if (!(await needsController(t, "memory")) || !(await needsUnifiedCgroups(t))) return;
    const job = { command: eatMemory, shell: "true", isolation: "cgroup" };
    const report = await runLimited(t, 256 * 1024 * 1024, mem_limit === undefined ? job : { ...job, mem_limit });
    assert.equal(report.outcome, "OUT_OF_MEMORY", report.message);
    assert.match(
      report.message ?? "",
      /^out of memory: limit of the executor or the machine, peak [12]\d\d(\.\d)?MB \(/,
    );
    assert.doesNotMatch(report.hint ?? "", /mem_limit/);
  });
}

test("a job below its memory limit succeeds, with its peak in the usage", hang, async (t) => {
  if (!(await needsController(t, "memory"))) return;
  const { report } = await useShell(t).run({
    command: "head -c 50m /dev/zero | tail | wc -c",
    shell: "true",
    mem_limit: "200MB",
  });
  assert.equal(report.outcome, "SUCCEEDED");
  const peak = report.usage?.peakMemoryBytes ?? 0;
  assert.ok(peak > 40 * 1024 * 1024 && peak <= 200 * 1024 * 1024, `peak ${peak}`);
  assert.ok((report.usage?.cpuTimeMs ?? 0) > 0);
});

test("pids_limit bounds the processes of a job", hang, async (t) => {
  if (!(await needsController(t, "pids"))) return;
  const command = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 600 & done; echo not reached";
  const { report, stderr } = await useShell(t).run({ command, shell: "true", pids_limit: "5" });
  assert.equal(report.outcome, "FAILED");
  assert.match(stderr.toString(), /fork/i);
  assert.match(JSON.stringify(report.evidence?.["pidsLimitHeldBy"]), /^"cgroup v[12]"$/);
  assert.match(report.warnings?.join("\n") ?? "", /pids_limit was reached: \d+ times a process could not be started/);
});

test("cpu_limit bounds the CPU time of a job", hang, async (t) => {
  if (!(await needsController(t, "cpu"))) return;
  const { report } = await useShell(t).run({
    command: "while :; do :; done",
    shell: "true",
    cpu_limit: "0.2",
    timeout: "2s",
  });
  assert.equal(report.outcome, "TIMED_OUT");
  assert.match(JSON.stringify(report.evidence?.["cpuLimitHeldBy"]), /^"cgroup v[12]"$/);
  // A fifth of two seconds, and some room for a busy machine; without a limit it would be near 2000.
  assert.ok((report.usage?.cpuTimeMs ?? 0) < 1_000, `used ${report.usage?.cpuTimeMs} ms`);
});

test("isolation cgroup stops a process that no other way would find", hang, async (t) => {
  if (!(await needsUnifiedCgroups(t))) return;
  const started = useShell(t).start({
    command: "(env -i setsid sh -c '(env -i setsid sleep 600 >/dev/null 2>&1 &)' &); sleep 0.3; echo ready; sleep 600",
    shell: "true",
    isolation: "cgroup",
  });
  await started.waitForOutput("ready");
  started.cancel({ graceMs: 300 });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.deepEqual(report.stop?.survivors, []);
  assert.match(report.stop?.steps.map(({ detail }) => detail).join("\n") ?? "", /sleep 600: cancelled by the test/);
});

test("in a cgroup, a daemon that left group and output counts as left over", hang, async (t) => {
  if (!(await needsUnifiedCgroups(t))) return;
  const { report } = await useShell(t).run({
    command: "setsid sleep 600 >/dev/null 2>&1 & sleep 0.2",
    shell: "true",
    isolation: "cgroup",
  });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.match(report.warnings?.join() ?? "", /stopped: \d+ sleep 600/);
});

test("force empties a cgroup in one step", hang, async (t) => {
  if (!(await needsUnifiedCgroups(t))) return;
  const started = useShell(t).start({
    // Ready when one process has left the group: the group's signal does not reach it.
    command: "trap '' TERM; (setsid sh -c 'echo ready; exec sleep 600 >/dev/null 2>&1' &); while :; do sleep 600; done",
    shell: "true",
    isolation: "cgroup",
  });
  await started.waitForOutput("ready");
  started.force();
  const { report } = await started.finished;
  assert.deepEqual(
    report.stop?.steps.map(({ action }) => action),
    ["SIGKILL", "cgroup.kill", "verify"],
  );
});

test("a cgroup whose processes were kept is removed when they are gone", hang, async (t) => {
  if (!(await needsUnifiedCgroups(t))) return;
  const shell = useShell(t);
  const { report } = await shell.run({
    command: "sleep 0.5 & exit 0",
    shell: "true",
    isolation: "cgroup",
    background: "keep",
  });
  assert.match(report.warnings?.join() ?? "", /kept: \d+ sleep 0.5/);
  // useShell() checks, after close(), that there is no cgroup left; close() tries once more.
  await new Promise((resolve) => setTimeout(resolve, 700));
});

test("cgroups that a dead executor left are removed by the next one", hang, async (t) => {
  if (!(await needsUnifiedCgroups(t))) return;
  const { tracking } = await findCgroupPlaces();
  const { mkdirSync, existsSync } = await import("node:fs");
  // The identity of no process: pid 1 has started at another time.
  const stale = `${tracking?.directory}/executor-host-job-1-99999999999-1`;
  mkdirSync(`${stale}/below`, { recursive: true });
  const shell = createShell();
  await findCgroupPlaces();
  assert.equal(existsSync(stale), false);
  await shell.close?.();
});

const resourceLimits: readonly [key: string, value: string, command: string, output: string][] = [
  ["open_files_limit", "100", "ulimit -n; ulimit -Hn", "100\n100\n"],
  ["file_size_limit", "1MB", "ulimit -f", "2048\n"],
  ["core_size_limit", "0", "ulimit -c", "0\n"],
  ["cpu_time_limit", "30s", "ulimit -t; ulimit -Ht", "30\n31\n"],
  ["umask", "077", "umask", "0077\n"],
  ["nice", "12", "nice", "12\n"],
  ["no_new_privs", "true", "grep NoNewPrivs: /proc/self/status | tr -d '\\t '", "NoNewPrivs:1\n"],
];
for (const [key, value, command, output] of resourceLimits) {
  test(`${key} ${value} is in force in the job`, hang, async (t) => {
    const { report, stdout } = await useShell(t).run({ command, shell: "true", [key]: value });
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(stdout.toString(), output);
  });
}

test("processes_limit is in force in the job", hang, async (t) => {
  const { stdout } = await useShell(t).run({
    command: "grep 'Max processes' /proc/self/limits",
    processes_limit: "77",
  });
  assert.match(stdout.toString(), /Max processes\s+77\s+77/);
});

test("a job that uses up cpu_time_limit hears why", hang, async (t) => {
  const { report } = await useShell(t).run({ command: "while :; do :; done", shell: "true", cpu_time_limit: "1s" });
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.message, "signal: CPU time limit exceeded");
  assert.match(report.hint ?? "", /cpu_time_limit/);
});

test("a job that writes too large a file hears why", hang, async (t) => {
  const shell = useShell(t);
  const { report } = await shell.run({
    command: `head -c 100000 /dev/zero > ${shell.directory}/large; exit $?`,
    shell: "true",
    file_size_limit: "4096",
  });
  assert.equal(report.exitCode, 128 + 25);
});

test("a limit that may not be raised fails before the job has begun", hang, async (t) => {
  const shell = useShell(t);
  // Above what the kernel allows any process, root included.
  const { report, stderr } = await shell.run({ command: "echo ran", open_files_limit: "99999999999" });
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.code, "SETUP_FAILED");
  assert.equal(report.effect, "NONE");
  assert.match(report.message ?? "", /ulimit/);
  assert.equal(stderr.toString(), "");
});

test("a long job without limits is measured now and then", hang, async (t) => {
  const { report } = await useShell(t).run({
    command: "sh -c 'end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done'",
  });
  assert.equal(report.outcome, "SUCCEEDED");
  assert.equal(report.usage?.source, "sampled");
  assert.ok((report.usage?.cpuTimeMs ?? 0) > 0);
  assert.ok((report.usage?.peakMemoryBytes ?? 0) > 100_000);
});

test("a short job is not measured without a supervisor", hang, async (t) => {
  const { report } = await useShell(t, "none").run({ command: "true" });
  assert.equal(report.usage, undefined);
});

test(
  "a supervisor counts what a process has used that left its session and its parent, and was short",
  hang,
  async (t) => {
    if (!needsSupervisor(t)) return;
    const shell = useShell(t, "native");
    const fifo = `${shell.directory}/fifo`;
    const count = "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done";
    const { report } = await shell.run({
      // The supervisor gets it, so once it is gone it has been counted.
      command: `mkfifo ${fifo}; (setsid sh -c '${count}; echo $$ > ${fifo}' &)
      read pid < ${fifo}; while kill -0 $pid 2>/dev/null; do sleep 0.01; done`,
      shell: "true",
    });
    assert.equal(report.outcome, "SUCCEEDED");
    assert.ok((report.usage?.cpuTimeMs ?? 0) > 20, `used ${report.usage?.cpuTimeMs} ms`);
    assert.ok((report.usage?.peakMemoryBytes ?? 0) > 100_000);
  },
);
