import { behaviourFaults } from "./behaviour-faults.ts";
import { executorFaults } from "./executor-faults.ts";
import type { FaultRow } from "./fault-row.ts";
import { hostFaults } from "./host-faults.ts";
import { surroundingsFaults } from "./surroundings-faults.ts";

/** The fault matrix: each group is a test file, and a part of docs/faults.md. */
export const groups = {
  "executor-process": { title: "The executor's process ends or stands still", rows: executorFaults },
  behaviour: { title: "The executor misbehaves", rows: behaviourFaults },
  surroundings: { title: "Files, sockets and disks", rows: surroundingsFaults },
  host: { title: "The host", rows: hostFaults },
} as const satisfies Record<string, { readonly title: string; readonly rows: readonly FaultRow[] }>;
