import assert from "node:assert/strict";
import { test } from "node:test";
import { LatestValue } from "./latest-value.ts";

const never = 2 ** 30;

/** Takes values, or refuses them while it is told to. */
function receiver(intervalMs: number) {
  const passed: number[] = [];
  let refuses = false;
  const latest = new LatestValue<number>({
    intervalMs: () => intervalMs,
    pass(value) {
      if (!refuses) passed.push(value);
      return !refuses;
    },
  });
  return { latest, passed, refuse: (yes: boolean) => (refuses = yes) };
}

test("the first value is passed on at once, and of those that come too soon the last one, once", () => {
  const { latest, passed } = receiver(never);
  for (const value of [1, 2, 3]) latest.offer(value);
  assert.deepEqual(passed, [1]);
  latest.flush();
  latest.flush();
  assert.deepEqual(passed, [1, 3]);
  latest[Symbol.dispose]();
});

test("what is held back is passed on when its time has come", async () => {
  const { latest, passed } = receiver(5);
  for (const value of [1, 2, 3]) latest.offer(value);
  while (passed.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(passed, [1, 3]);
});

test("a value that is refused is kept for the next time", () => {
  const { latest, passed, refuse } = receiver(0);
  refuse(true);
  latest.offer(1);
  refuse(false);
  latest.flush();
  assert.deepEqual(passed, [1]);
});

test("nothing is passed on after the end", () => {
  const { latest, passed } = receiver(never);
  for (const value of [1, 2]) latest.offer(value);
  latest[Symbol.dispose]();
  latest.offer(3);
  latest.flush();
  assert.deepEqual(passed, [1]);
});
