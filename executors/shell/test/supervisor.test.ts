import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { setImmediate } from "node:timers/promises";
import { launchExecutor, type LocalRun, type StartedRun } from "@executor-host/sdk/testing";
import { limits } from "../defaults.ts";
import { listProcesses, readProcess } from "../process/proc.ts";
import { needsSupervisor } from "./support/needs.ts";
import { eventually, killProcessesOf, processesOf, useShell } from "./support/use-shell.ts";

// What only the native supervisor does, and what becomes of jobs when it is killed itself.

const hang = { timeout: 60_000 };
const main = join(import.meta.dirname, "../main.ts");

/** Left its session, its parent, its output and its environment behind; its pid is printed once it is there. */
const stranger = `(env -i setsid sh -c '(env -i setsid sh -c "echo \\$\\$; exec sleep 600 >/dev/null 2>&1" &)' &)`;

/** The pid of the process that a job's main process has as its parent. */
function supervisorOf(pid: number): number {
  const found = readProcess(pid);
  assert.ok(found !== undefined);
  return found.parentPid;
}

/** What a job prints as its first line. */
async function firstNumberOf(started: StartedRun<LocalRun>): Promise<number> {
  const event = await started.waitFor(({ type }) => type === "output");
  assert.ok(event.type === "output");
  return Number(Buffer.from(event.data).toString());
}

for (const [how, graceMs] of [
  ["asked", 30_000],
  ["killed", 0],
] as const) {
  test(`a process that gave up all that could tell whose it is, is ${how} with its job`, hang, async (t) => {
    if (!needsSupervisor(t)) return;
    const started = useShell(t, "native").start({ command: `${stranger}; sleep 600`, shell: "true" });
    const pid = await firstNumberOf(started);
    started.cancel({ graceMs });
    const { report } = await started.finished;
    assert.equal(report.outcome, "CANCELLED");
    assert.deepEqual(report.stop?.survivors, []);
    assert.match(report.stop?.steps.map(({ detail }) => detail).join("\n") ?? "", new RegExp(`${pid} .*sleep 600`));
    assert.equal(readProcess(pid), undefined);
  });
}

test("a job hears the stop signal however soon after its start it comes", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  await shell.run({ command: "true" });
  for (const stop_signal of ["SIGTERM", "SIGINT"]) {
    const jobs = Array.from({ length: 30 }, () => shell.start({ command: "sleep 600", stop_signal }));
    for (const job of jobs) {
      await setImmediate();
      // Longer than this test may take: who does not hear it, fails it.
      job.cancel({ graceMs: 3_600_000 });
    }
    for (const job of jobs) assert.equal((await job.finished).report.outcome, "CANCELLED");
  }
});

test("more arguments than any kernel takes are refused, and the next job is started", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  const { report } = await shell.run({ command: "true", env: JSON.stringify({ A: "x".repeat(33 * 1024 * 1024) }) });
  assert.equal(report.code, "ARGUMENTS_TOO_LONG");
  assert.equal((await shell.run({ command: "true" })).report.outcome, "SUCCEEDED");
});

test("a job that multiplies as fast as it can is gone when it is killed", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const bomb = "boom() { boom & boom & wait; }; echo ready; boom";
  const started = useShell(t, "native").start({ command: bomb, shell: "true", su: "nobody", processes_limit: "300" });
  await started.waitForOutput("ready");
  started.cancel({ graceMs: 0 });
  const { report } = await started.finished;
  assert.equal(report.outcome, "CANCELLED");
  assert.deepEqual(report.stop?.survivors, []);
  assert.deepEqual(processesOf([started.id]), []);
});

test("a job whose supervisor is killed ends, and what is left of it is found", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  const started = shell.start({ command: "setsid sleep 600 & echo $$; wait", shell: "true" });
  const pid = await firstNumberOf(started);
  process.kill(supervisorOf(pid), "SIGKILL");
  const { report } = await started.finished;
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.signal, "SIGKILL");
  assert.match(report.warnings?.join() ?? "", /stopped: \d+ sleep 600/);
  assert.deepEqual(processesOf([started.id]), []);
});

test("when the spawner is killed its jobs end with it, and the next job gets a new one", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  const started = shell.start({ command: "(setsid sleep 600 &); echo $$; sleep 600", shell: "true" });
  const pid = await firstNumberOf(started);
  const spawner = supervisorOf(supervisorOf(pid));
  assert.equal(supervisorOf(spawner), process.pid);
  process.kill(spawner, "SIGKILL");
  const { report } = await started.finished;
  assert.equal(report.outcome, "FAILED");
  assert.equal(report.signal, "SIGKILL");
  await eventually(() => assert.deepEqual(processesOf([started.id]), []));
  const next = await shell.run({ command: "echo next" });
  assert.equal(next.stdout.toString(), "next\n");
  assert.equal(next.report.evidence?.["supervisor"], "native");
});

test("a spawner that was stopped holds up its own jobs only, and starts them when it goes on", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  const running = shell.start({ command: "echo $$; sleep 600", shell: "true" });
  const spawner = supervisorOf(supervisorOf(await firstNumberOf(running)));
  process.kill(spawner, "SIGSTOP");
  // More than it has pipes in stock for.
  const jobs = Array.from({ length: 2 * limits.pipeBatch }, () => shell.start({ command: "echo done" }));
  const finished = jobs.map(({ finished: each }) => each);
  const first = await Promise.any(finished);
  assert.equal(first.report.outcome, "SUCCEEDED");
  process.kill(spawner, "SIGCONT");
  for (const { report, stdout } of await Promise.all(finished)) {
    assert.equal(report.outcome, "SUCCEEDED", report.message);
    assert.equal(stdout.toString(), "done\n");
  }
  running.cancel({ graceMs: 1_000 });
  assert.equal((await running.finished).report.outcome, "CANCELLED");
  await eventually(() => assert.equal(readProcess(spawner), undefined, "it is not needed any more"));
});

test("a daemon that is left alone belongs to nobody any more", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const shell = useShell(t, "native");
  const file = `${shell.directory}/pid`;
  const started = shell.start({
    command: `setsid sh -c 'echo $$ > ${file}; exec sleep 600' >/dev/null 2>&1 & while [ ! -s ${file} ]; do sleep 0.01; done`,
    shell: "true",
  });
  assert.equal((await started.finished).report.outcome, "SUCCEEDED");
  const daemon = Number(readFileSync(file, "utf8"));
  await eventually(() => assert.notEqual(readProcess(daemon)?.parentPid, process.pid));
  await eventually(() => {
    const parent = readProcess(supervisorOf(daemon));
    assert.notEqual(parent?.parentPid, process.pid, "the supervisor of a job that is over is still there");
  });
  killProcessesOf(started.id);
});

test("an executor that ends leaves no supervisor behind", hang, async (t) => {
  if (!needsSupervisor(t)) return;
  const executor = await launchExecutor(main);
  await executor.execute({ command: "true" });
  const helpers = listProcesses().filter(({ parentPid }) => parentPid === executor.plugin.pid);
  assert.ok(helpers.length > 0);
  await executor[Symbol.asyncDispose]();
  await eventually(() => {
    for (const { pid, startTicks } of helpers) assert.notEqual(readProcess(pid)?.startTicks, startTicks);
  });
});
