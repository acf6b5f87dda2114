import type { Contract } from "./contract.ts";
import type { Kit } from "./kit.ts";
import type { Need } from "./needs.ts";
import type { Verdict } from "./verdict.ts";

/** One promise of the contract, and how to see whether an executor keeps it. */
export interface Check {
  /** `GROUP.NAME`; stable, as pipelines name it. */
  readonly id: string;
  /** A sentence without subject about an executor that keeps the promise: `Refuses to run by hand`. */
  readonly title: string;
  /** What goes wrong where it is not kept. */
  readonly why: string;
  /** Without these the check is skipped. */
  readonly needs: readonly Need[];
  /** Where this fails, an executor cannot be launched for these contracts: what needs that is not tried. */
  readonly blocks?: readonly Contract[];
  /** Anything thrown counts as failed. */
  run(kit: Kit): Promise<Verdict>;
}

export interface CheckGroup {
  readonly id: string;
  readonly title: string;
  readonly checks: readonly Check[];
}
