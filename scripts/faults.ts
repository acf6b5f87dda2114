/**
 * Plays every row of the fault matrix, one after the other, and writes docs/faults.md: what the tests make sure of, with the times it took here.
 *
 * Usage: scripts/faults [--rounds N]
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assertRow } from "../test/faults/matrix/assert-row.ts";
import type { FaultRow, Played } from "../test/faults/matrix/fault-row.ts";
import { renderPage, type Times } from "../test/faults/matrix/page.ts";
import { groups } from "../test/faults/matrix/rows.ts";
import { root } from "./lib/root.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const rounds = Number(values.rounds);
// Short, as sockets are made in it.
const directory = mkdtempSync("/tmp/eh-");
process.env["TMPDIR"] = directory;

const times = new Map<FaultRow, Times>();
try {
  for (const row of Object.values(groups).flatMap(({ rows }): readonly FaultRow[] => rows)) {
    if (typeof row.skip === "string") throw new Error(`"${row.fault}" cannot be played here: ${row.skip}`);
    process.stderr.write(`${row.fault} (${row.phase})\n`);
    const played: Played[] = [];
    for (let round = 0; round < rounds; round++) {
      const one = await row.play();
      assertRow(row, one);
      const left = readdirSync(directory);
      if (left.length > 0) throw new Error(`it leaves temporary files: ${left.join(", ")}`);
      played.push(one);
    }
    times.set(row, {
      detectMs: played[0]?.detectMs === undefined ? undefined : median(played.map(({ detectMs }) => detectMs ?? 0)),
      recoverMs: median(played.map(({ recoverMs }) => recoverMs)),
    });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
writeFileSync(
  join(root, "docs/faults.md"),
  renderPage((row) => times.get(row)),
);

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}
