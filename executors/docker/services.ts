import type { Owner } from "./container/owner.ts";
import type { Engines } from "./engine/engines.ts";
import type { LoadedPolicy } from "./policy/policy.ts";

/** What executions of one process share. */
export interface Services {
  readonly engines: Engines;
  readonly owner: Owner;
  readonly loaded: LoadedPolicy;
}
