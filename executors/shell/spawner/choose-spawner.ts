import type { ProcessTable } from "../process/process-table.ts";
import type { JobSpawner, Supervisor } from "./job-spawner.ts";
import { NativeSpawner } from "./native/native-spawner.ts";
import { NodeSpawner } from "./node/node-spawner.ts";

/** Set to `none` in the environment of the executor, it does without the native supervisor. */
export const supervisorVariable = "EXECUTOR_SHELL_SUPERVISOR";

export interface SpawnerOptions {
  readonly table: ProcessTable;
  /** What the tags of all jobs begin with. */
  readonly tagPrefix: string;
  /** Undefined: native where it can be. */
  readonly supervisor: Supervisor | undefined;
}

/** @throws when the native supervisor is asked for by name and cannot be had */
export async function chooseSpawner({ table, tagPrefix, supervisor }: SpawnerOptions): Promise<JobSpawner> {
  if (supervisor === "none" || process.platform !== "linux") return new NodeSpawner(table, tagPrefix);
  try {
    return await NativeSpawner.start(table);
  } catch (error) {
    if (supervisor === "native") throw error;
    // Not built, or this machine does not let it work: results say that it is not used.
    return new NodeSpawner(table, tagPrefix);
  }
}
