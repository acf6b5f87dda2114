import { describe, test } from "node:test";
import { guard } from "../../support/guard.ts";
import { assertRow } from "./assert-row.ts";
import { groups } from "./rows.ts";

/** Rows wait more than they compute. */
const atOnce = 4;

/** Every row of a group is a test. */
export function testGroup(name: keyof typeof groups): void {
  const { title, rows } = groups[name];
  describe(title, { ...guard, concurrency: atOnce }, () => {
    for (const row of rows) {
      test(`${row.fault} (${row.phase})`, { ...guard, skip: row.skip ?? false }, async (t) => {
        const played = await row.play();
        assertRow(row, played);
        t.diagnostic(`seen after ${played.detectMs} ms, recovered after ${played.recoverMs} ms`);
      });
    }
  });
}
