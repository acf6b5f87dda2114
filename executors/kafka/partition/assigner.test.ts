import assert from "node:assert/strict";
import { test } from "node:test";

import { Assigner, type PartitionState } from "./assigner.ts";

const partitions = (...leaders: number[]): PartitionState[] =>
  leaders.map((leader, partitionId) => ({ leader, partitionId }));
const keyless = { key: null, partition: undefined };

test("a key has the same partition in every batch", () => {
  for (const name of ["murmur2", "crc32", "fnv1a"] as const) {
    const chosen = [1, 2, 3].map(() =>
      new Assigner("t", name).assign({ key: Buffer.from("eu"), partition: undefined }, partitions(1, 1, 1, 1, 1)),
    );
    assert.equal(new Set(chosen).size, 1);
  }
});

test("a key stays at its partition even when that has no leader, so that it is never in two", () => {
  const record = { key: Buffer.from("eu"), partition: undefined };
  const led = new Assigner("t", "murmur2").assign(record, partitions(1, 1, 1));
  assert.equal(new Assigner("t", "murmur2").assign(record, partitions(-1, -1, -1)), led);
});

test("records without a key go where somebody can write", () => {
  for (const name of ["murmur2", "random", "round_robin"] as const) {
    for (let time = 0; time < 20; time++) {
      assert.equal(new Assigner("t", name).assign(keyless, partitions(-1, 5, -1)), 1);
    }
  }
});

test("an empty key is a key", () => {
  const record = { key: Buffer.alloc(0), partition: undefined };
  const chosen = Array.from({ length: 20 }, () => new Assigner("t", "murmur2").assign(record, partitions(1, 1, 1)));
  assert.equal(new Set(chosen).size, 1);
});

test("the partition that a record names counts, if it is there", () => {
  const assigner = new Assigner("t", "murmur2");
  assert.equal(assigner.assign({ key: Buffer.from("eu"), partition: 2 }, partitions(1, 1, 1)), 2);
  assert.throws(() => assigner.assign({ key: null, partition: 3 }, partitions(1, 1, 1)), {
    code: "PARTITION_NOT_FOUND",
    message: 'topic "t" has no partition 3: it has 3, from 0',
  });
});
