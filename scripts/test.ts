/**
 * Runs the tests: every `*.test.ts`, or those whose path contains one of the arguments.
 *
 * Tests in `test/executors/NAME` get the system of that name from `scripts/services`. Each file runs in a process and a temporary directory of its own, and fails when it leaves something in either. The last line says
 * `N passed, N failed, N skipped`. Fails also when there is no test at all, and in CI (CI is set) when one is skipped.
 */
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ProcessTracker } from "./lib/process-tracker.ts";
import { root } from "./lib/root.ts";
import { TestServices } from "./lib/services/for-tests.ts";
import { runTestFile, type FileResult } from "./lib/test-file.ts";
import { fileLine, summary } from "./lib/test-report.ts";

const filters = process.argv.slice(2);
const files = TestServices.inOrder(
  globSync("**/*.test.ts", { cwd: root, exclude: ["**/node_modules", "dist"] })
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .toSorted(),
);

// Not where the caller's TMPDIR says: a socket's path may not be longer than about a hundred characters.
const directory = mkdtempSync("/tmp/eh-");
// Open to other users, as /tmp is: some tests run jobs as them.
chmodSync(directory, 0o755);
const tracker = new ProcessTracker();
const services = new TestServices(files);
let abandoning: Promise<void> | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    abandoning ??= abandon(signal);
  });
}

const results: FileResult[] = [];
const queue = files.entries();
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
rmSync(directory, { recursive: true, force: true });
await services[Symbol.asyncDispose]();
report();

/** Files are taken one by one; tests wait for processes more than they compute. */
async function work(): Promise<void> {
  for (const [index, file] of queue) {
    await services.readyFor(file);
    if (abandoning !== undefined) return abandoning;
    let result: FileResult;
    try {
      result = await runTestFile(file, { directory: join(directory, String(index)), tracker });
    } catch (error) {
      // Its directory was taken away under it.
      if (abandoning !== undefined) return abandoning;
      throw error;
    }
    results.push(result);
    console.log(fileLine(result));
  }
}

function report(): void {
  tracker[Symbol.dispose]();
  if (results.length > 0) console.log(summary(results));
  const passed = sum((result) => result.passed);
  const failed = sum(({ failures }) => failures.length);
  const skipped = sum(({ skips }) => skips.length);
  const isCi = !["", "0", "false"].includes(process.env["CI"] ?? "");
  if (files.length === 0)
    console.log(filters.length === 0 ? "no test files" : `no test file matches: ${filters.join(" ")}`);
  if (isCi && skipped > 0) console.log("\nskipped tests fail the run where CI is set");
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = passed === 0 || failed > 0 || (isCi && skipped > 0) ? 1 : 0;
}

function sum(count: (result: FileResult) => number): number {
  return results.reduce((total, result) => total + count(result), 0);
}

/** Nothing of a run that is broken off stays behind either. */
async function abandon(signal: NodeJS.Signals): Promise<void> {
  for (const file of files) tracker.kill(file);
  rmSync(directory, { recursive: true, force: true });
  await services[Symbol.asyncDispose]();
  process.kill(process.pid, signal);
  // The signal ends this program; nothing is to be reported before.
  await new Promise(() => undefined);
}
