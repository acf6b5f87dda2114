/** Waits of the command line, in milliseconds. */
export const timeouts = {
  /** Before a status line appears, so that quick commands show none. */
  statusDelayMs: 400,
  /** Between two pictures of the spinner. */
  spinnerMs: 100,
  /** Everything that completion of a word may take. */
  completeMs: 3_000,
} as const;
