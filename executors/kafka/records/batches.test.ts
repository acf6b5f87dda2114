import assert from "node:assert/strict";
import { test } from "node:test";

import { batches } from "./batches.ts";
import type { OutgoingRecord } from "./record.ts";

const record = (bytes: number): OutgoingRecord => ({
  key: null,
  value: Buffer.alloc(bytes),
  headers: [],
  partition: undefined,
  timestampMs: undefined,
});
const sizes = (records: OutgoingRecord[], limits: { bytes: number; records: number }): number[][] =>
  [...batches(records, limits)].map((batch) => batch.map(({ value }) => value?.length ?? 0));

test("records keep their order, and batches their limits", () => {
  const records = [100, 200, 300, 5_000, 1, 2].map(record);
  assert.deepEqual(sizes(records, { bytes: 400, records: 10 }), [[100, 200], [300], [5_000], [1, 2]]);
  assert.deepEqual(sizes(records, { bytes: 1e9, records: 4 }), [
    [100, 200, 300, 5_000],
    [1, 2],
  ]);
  assert.deepEqual(sizes([], { bytes: 1, records: 1 }), []);
});
