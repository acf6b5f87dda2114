import assert from "node:assert/strict";
import type { FaultRow, Played } from "./fault-row.ts";

/** What was played ended as its row says. Recovery, neighbours and leftovers were looked at on the way. */
export function assertRow(row: FaultRow, { verdict, siblings, detectMs }: Played): void {
  assert.deepEqual(verdict, row.ends);
  assert.equal(siblings.length > 0, row.siblings !== undefined, "whether others ran in the same process");
  for (const sibling of siblings) {
    if (row.siblings === "end alike") assert.deepEqual(sibling, row.ends);
    else assert.equal(sibling.outcome, "SUCCEEDED");
  }
  if (row.boundMs === undefined) return;
  assert(detectMs !== undefined && detectMs < row.boundMs, `seen after ${detectMs} ms: a time limit was waited for`);
}
