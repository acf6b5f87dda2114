import assert from "node:assert/strict";
import { test } from "node:test";
import { groups } from "./checks.ts";
import { faults } from "./fixtures/faults.ts";
import { guard, tryFixture } from "./fixtures/try-fixture.ts";

test("an executor that keeps the contract passes every check", guard, async () => {
  const { results, ok, name, version, contracts } = await tryFixture("none", {
    longConfig: { do: "wait" },
    floodConfig: { do: "flood" },
    heartbeatConfig: { do: "beat" },
  });
  assert.deepEqual(
    results.filter(({ status }) => status !== "passed").map(({ id, status, reason }) => [id, status, reason]),
    [],
  );
  assert.equal(results.length, groups.flatMap(({ checks }) => checks).length);
  assert.deepEqual([ok, name, version, contracts], [true, "model", "1.2.3", ["native", "dkron"]]);
});

test("every check has an executor that does not pass it", () => {
  const found = new Set(Object.values(faults).map(({ check }) => check));
  const ids = groups.flatMap(({ checks }) => checks.map(({ id }) => id));
  assert.deepEqual(
    ids.filter((id) => !found.has(id)),
    [],
  );
  assert.equal(new Set(ids).size, ids.length, "ids are unique");
});
