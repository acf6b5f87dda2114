/** Waits of the command line, in milliseconds. */
export const timeouts = {
  /** Before a status line appears, so that quick commands show none. */
  statusDelayMs: 400,
  /** Between two pictures of the spinner. */
  spinnerMs: 100,
  /** Until an executor that is only looked at has started; longer than any good one takes. */
  checkExecutorMs: 15_000,
  /** Until a directory without a host counts as left behind by one that was killed. */
  abandonedAfterMs: 60_000,
  /** Everything that completion of a word may take. */
  completeMs: 3_000,
} as const;
