import type { Execution, JsonObject, Report } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";

/** One execution on its way: what is done, and what is known of it should it stop here. */
export interface Work {
  readonly execution: Execution<Config>;
  /** Aborts when the execution shall stop, and when its time is up. */
  readonly signal: AbortSignal;
  /** What a stop would interrupt. */
  phase: string;
  effect: Report["effect"];
  evidence: JsonObject;
}

/** A message to deliver. */
export interface Delivery extends Work {
  readonly link: Link;
  readonly subject: string;
  readonly payload: Uint8Array;
}
