import type { Execution, JsonObject, Report } from "@executor-host/sdk";

import type { Config } from "../config.ts";

/** One execution on its way: what is done, and what is known of it should it stop here. */
export interface Work {
  readonly execution: Execution<Config>;
  /** Aborts when the execution shall stop, and when its time is up. */
  readonly signal: AbortSignal;
  /** When that is, in milliseconds since the epoch; Infinity without a limit. */
  readonly endMs: number;
  /** What a stop would interrupt. */
  phase: string;
  effect: Report["effect"];
  evidence: JsonObject;
}
