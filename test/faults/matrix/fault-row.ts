import type { Effect, Outcome, Result, Retryability } from "../../../host/model/model.ts";

/** How an execution ended that met a fault. */
export interface Verdict {
  /** `REFUSED`: it was not accepted, with an error at once. */
  readonly outcome: Outcome | "REFUSED";
  readonly code: string;
  readonly effect: Effect;
  readonly retryability: Retryability;
}

/** What was seen while a fault was played. */
export interface Played {
  /** Undefined when no execution was touched. */
  readonly verdict: Verdict | undefined;
  /** How other executions of the same process ended, if there were any. */
  readonly siblings: readonly Verdict[];
  /** From the fault until its consequence was known to the caller; undefined when it has none. */
  readonly detectMs: number | undefined;
  /** From there until a next execution of the same kind had succeeded. */
  readonly recoverMs: number;
}

/** One fault at one moment, and what must become of it. */
export interface FaultRow {
  readonly fault: string;
  /** What the process it meets is doing. */
  readonly phase: string;
  /** Of the execution that the fault meets; undefined when none may be touched. */
  readonly ends: Verdict | undefined;
  /** What becomes of other executions in the same process; undefined when it is about none. */
  readonly siblings?: "end alike" | "go on";
  /** What it is found by, where that is a time limit: for people. */
  readonly limit?: string;
  /** Longer, and a time limit was waited for where something else should have been noticed. Default: no bound. */
  readonly boundMs?: number;
  /** Why it cannot be played here; false when it can. */
  readonly skip?: string | false;
  /**
   * Do the damage to real processes, see what comes, and make sure that a next execution works, that neighbours were not disturbed, and that
   * nothing is left behind.
   */
  readonly play: () => Promise<Played>;
}

/** @returns what a table says in one line */
export function ends(
  outcome: Verdict["outcome"],
  code: string,
  effect: Effect,
  retryability: Retryability = "UNKNOWN",
): Verdict {
  return { outcome, code, effect, retryability };
}

export function verdictOf({ outcome, code, effect, retryability }: Result): Verdict {
  return { outcome, code, effect, retryability };
}
