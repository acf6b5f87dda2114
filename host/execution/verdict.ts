import type { Effect, Result } from "../model/model.ts";

const rank: Readonly<Record<Effect, number>> = { NONE: 0, UNKNOWN: 1, HAPPENED: 2 };

/** What all attempts together did: the most that any of them did. */
export function effectOf(attempts: readonly Result[]): Effect {
  return attempts.map(({ effect }) => effect).reduce<Effect>((a, b) => (rank[b] > rank[a] ? b : a), "NONE");
}

/**
 * The result of an execution: its last attempt's, as long as an earlier one does not make it untrue.
 *
 * NOT_STARTED promises that nothing was done. It cannot stand after an attempt that was started; that one's result does.
 *
 * @param attempts results of all attempts, at least one
 */
export function verdict(attempts: readonly Result[]): Result {
  const last = attempts.at(-1)!;
  const started = attempts.findLast(({ outcome }) => outcome !== "NOT_STARTED");
  const decisive = started ?? last;
  const remarks = decisive === last ? [] : [`attempt ${attempts.length} was not started: ${last.message}`];
  return { ...decisive, effect: effectOf(attempts), warnings: [...decisive.warnings, ...remarks] };
}
