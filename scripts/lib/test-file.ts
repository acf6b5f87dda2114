import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessTracker } from "./process-tracker.ts";
import { root } from "./root.ts";
import { TestRecord, type Failure, type Skip } from "./test-record.ts";

export interface FileResult {
  /** Relative to the checkout. */
  readonly file: string;
  readonly durationMs: number;
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
  readonly output: string;
}

export interface TestFileOptions {
  /** Made for this file alone and removed after it; its `TMPDIR`. Short, as sockets are made in it. */
  readonly directory: string;
  readonly tracker: ProcessTracker;
}

const timeouts = {
  /** A file that takes longer hangs. */
  fileMs: 900_000,
  /** What a file has asked to end may take so long to do it. */
  settleMs: 3_000,
  pollMs: 50,
};

/** Run a test file in a process of its own, and look for what it leaves behind. */
export async function runTestFile(file: string, { directory, tracker }: TestFileOptions): Promise<FileResult> {
  const startedMs = performance.now();
  const path = join(root, file);
  const record = new TestRecord(path);
  mkdirSync(directory);
  chmodSync(directory, 0o1777);
  tracker.add(file, directory);
  const guard = setTimeout(() => {
    record.fail(
      `killed after ${timeouts.fileMs / 1000} s, while this ran: ${record.unfinished.at(-1) ?? "nothing known"}`,
    );
    tracker.kill(file);
  }, timeouts.fileMs);
  for await (const event of run({ files: [path], concurrency: 1, env: environment(directory) })) record.take(event);
  clearTimeout(guard);
  record.end();

  await findLeaks(file, directory, tracker, record);
  const { passed, failures, skips, output } = record;
  return { file, durationMs: performance.now() - startedMs, passed, failures, skips, output };
}

async function findLeaks(file: string, directory: string, tracker: ProcessTracker, record: TestRecord): Promise<void> {
  const patience = AbortSignal.timeout(timeouts.settleMs);
  while (tracker.alive(file).length > 0 && !patience.aborted) await sleep(timeouts.pollMs);
  for (const { pid, command } of tracker.alive(file)) record.fail(`leaves a process: ${pid} ${command}`);
  tracker.kill(file);
  for (const name of readdirSync(directory)) record.fail(`leaves a temporary file: $TMPDIR/${name}`);
  rmSync(directory, { recursive: true, force: true });
}

/** The caller's environment, without what npm and terminals put there. */
function environment(directory: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|FORCE_COLOR$)/.test(name));
  const path = `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`;
  return { ...Object.fromEntries(kept), PATH: path, TMPDIR: directory, NO_COLOR: "1" };
}
