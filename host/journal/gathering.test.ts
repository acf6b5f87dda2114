import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Gathering } from "./gathering.ts";

/** So long that a test which waits for it fails. */
const tooLongMs = 600_000;

test("a wait ends after its time", async () => {
  const gathering = new Gathering();
  const startedMs = performance.now();
  await gathering.wait(20);
  assert(performance.now() - startedMs >= 19);
});

test("somebody in a hurry ends a wait at once", async () => {
  const gathering = new Gathering();
  const wait = gathering.wait(tooLongMs);
  gathering.within(0);
  await wait;
});

test("a wait is shortened, and never made longer", async () => {
  const gathering = new Gathering();
  const wait = gathering.wait(tooLongMs);
  gathering.within(10);
  gathering.within(tooLongMs);
  await wait;
});

test("a hurry while nobody waits is not kept for the next wait", async () => {
  const gathering = new Gathering();
  gathering.within(0);
  let isOver = false;
  const wait = gathering.wait(tooLongMs).then(() => (isOver = true));
  await sleep(5);
  assert.equal(isOver, false);
  gathering.within(0);
  await wait;
});
