import type { Attempt, Outcome } from "../model/model.ts";

/** They leave open whether the work goes on without anybody. */
const adriftOutcomes: ReadonlySet<Outcome> = new Set(["EXECUTOR_CRASHED", "LOST"]);

/** Waits before attempts that resume, one after the other; when there is none left, the job's own policy decides. */
const delaysMs = [0, 1_000, 3_000];

/** The work of the last attempt that had any may be going on without anybody. */
export function isAdrift(attempts: readonly Attempt[]): boolean {
  const last = attempts.findLast(({ result }) => result?.outcome !== "NOT_STARTED");
  return last !== undefined && (last.result === undefined || adriftOutcomes.has(last.result.outcome));
}

/** @returns milliseconds to wait until the next attempt resumes; undefined when that was tried often enough */
export function resumeDelay(attempts: readonly Attempt[]): number | undefined {
  return delaysMs[attempts.length - 1 - attempts.findLastIndex(({ resumes }) => resumes !== true)];
}

/** The last attempt's number as its executor knows it: one that resumes has the number of the one whose work it goes on with. */
export function numberForExecutor(attempts: readonly Attempt[]): number {
  return attempts.filter(({ resumes }) => resumes !== true).length;
}
