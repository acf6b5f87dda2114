import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import type { Owner } from "../container/owner.ts";
import type { Engine } from "../engine/engine.ts";
import type { Policy } from "../policy/policy.ts";

/** One execution on its engine. */
export interface DockerRun {
  readonly execution: Execution<Config>;
  readonly engine: Engine;
  readonly policy: Policy;
  readonly owner: Owner;
  /** Facts for the result, gathered on the way. */
  readonly evidence: Record<string, string | number | boolean>;
}

/** For steps that must not be broken off half-way: the engine's own time limits hold. */
export function unhurried(): AbortSignal {
  return new AbortController().signal;
}
