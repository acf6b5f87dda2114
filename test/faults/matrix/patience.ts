import type { Timeouts } from "../../../host/timeouts.ts";

/** Limits that are short enough to wait for, and long enough for a busy machine to answer in. */
export const impatient = {
  livenessAfterMs: 500,
  livenessMs: 5_000,
  quickCallMs: 5_000,
} as const satisfies Partial<Timeouts>;

/** What ends by itself is seen by its end: whoever has waited longer has waited for a limit. */
export const seenByItsEnd = 10_000;

/** By what a process is found that stands still. */
export const unanswered = "a liveness call without an answer";
