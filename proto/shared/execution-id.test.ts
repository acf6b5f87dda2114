import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newExecutionId } from "./execution-id.ts";

test("a new execution id is a UUID of version 7", () => {
  assert.match(newExecutionId(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a new execution id begins with the time", () => {
  const before = Date.now();
  const time = Number.parseInt(newExecutionId().replaceAll("-", "").slice(0, 12), 16);
  assert(time >= before && time <= Date.now());
});

test("later execution ids sort after earlier ones", async () => {
  const one = newExecutionId();
  await sleep(2);
  assert(one < newExecutionId());
});

test("no two execution ids are the same", () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, newExecutionId)).size, 10_000);
});
