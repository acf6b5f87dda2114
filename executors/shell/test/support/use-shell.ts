import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startExecutor, type LocalRun, type RunOptions, type StartedRun } from "@executor-host/sdk/testing";
import { createShell } from "../../definition.ts";
import { findCgroupPlaces } from "../../limits/cgroup-places.ts";
import { commandLine, environmentOf, listProcesses, signalProcess, type ProcessInfo } from "../../process/proc.ts";
import type { Supervisor } from "../../spawner/job-spawner.ts";
import { findSupervisor } from "../../spawner/native/find-supervisor.ts";

type Config = Readonly<Record<string, string>>;

/** A shell executor for one test. */
export interface ShellUnderTest {
  /** A fresh directory, open to every user. */
  readonly directory: string;
  run(config: Config, options?: RunOptions): Promise<LocalRun>;
  start(config: Config, options?: RunOptions): StartedRun<LocalRun>;
}

/**
 * Define tests once for each way of starting jobs: what a job does, and what becomes of it, is the same in both.
 *
 * @param define gets `useShell` for that way
 */
export function withEachSupervisor(define: (useShell: (t: TestContext) => ShellUnderTest) => void): void {
  const isBuilt = findSupervisor() !== undefined || process.env["CI"] === "true";
  const skip = isBuilt ? false : "the native supervisor is not built: run scripts/build where a C compiler is";
  describe("with the native supervisor", { skip }, () => define((t) => useShell(t, "native")));
  describe("without a supervisor", () => define((t) => useShell(t, "none")));
}

/**
 * Make a shell executor, and, after the test, check that nothing of it is left: no process of a job, no cgroup, no temporary file, no
 * file descriptor.
 *
 * @param supervisor default: what an executor on this machine would take
 */
export function useShell(t: TestContext, supervisor?: Supervisor): ShellUnderTest {
  const directory = mkdtempSync(join(tmpdir(), "shell-test-"));
  chmodSync(directory, 0o755);
  const temporary = join(directory, "tmp");
  mkdirSync(temporary);
  // The executor makes its files where TMPDIR says.
  const { TMPDIR } = process.env;
  process.env["TMPDIR"] = temporary;
  const shell = createShell({ supervisor });
  const descriptorsBefore = streamDescriptors();
  const ids: string[] = [];

  t.after(async () => {
    try {
      await shell.close?.();
      await eventually(() => assert.deepEqual(processesOf(ids), [], "processes of jobs are left"));
      await eventually(() => assert.deepEqual(readdirSync(temporary), [], "temporary files are left"));
      await eventually(() => assert.deepEqual(streamDescriptors(), descriptorsBefore, "file descriptors are left"));
      assert.deepEqual(await cgroupsOfThisProcess(), [], "cgroups are left");
    } finally {
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
      rmSync(directory, { recursive: true, force: true });
    }
  });

  const start = (config: Config, options?: RunOptions): StartedRun<LocalRun> => {
    const started = startExecutor(shell, config, options);
    ids.push(started.id);
    return started;
  };
  return { directory, start, run: (config, options) => start(config, options).finished };
}

/** Living processes that carry one of these execution ids, by command line. */
export function processesOf(ids: readonly string[]): string[] {
  return findProcesses(ids).map(({ pid }) => commandLine(pid));
}

export function killProcessesOf(id: string): void {
  for (const found of findProcesses([id])) signalProcess(found, "SIGKILL");
}

function findProcesses(ids: readonly string[]): ProcessInfo[] {
  return listProcesses().filter(
    ({ zombie, pid }) => !zombie && ids.some((id) => environmentOf(pid)?.includes(`EXECUTION_ID=${id}\0`)),
  );
}

/** Repeat an assertion until it holds; the hang guard of the test runner bounds it. */
export async function eventually(assertion: () => void | Promise<void>, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await delay(20);
  }
}

async function cgroupsOfThisProcess(): Promise<string[]> {
  const { byController, tracking } = await findCgroupPlaces();
  const directories = new Set([tracking, ...Object.values(byController)].flatMap((place) => place?.directory ?? []));
  return [...directories]
    .flatMap((directory) => readdirSync(directory))
    .filter((name) => name.startsWith(`executor-host-job-${process.pid}-`));
}

/** What jobs are connected by: FIFOs and sockets. */
function streamDescriptors(): string[] {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of this very look.
      return "";
    }
  });
  return links.filter((link) => /executor-host|socket:|pipe:/.test(link)).toSorted();
}
