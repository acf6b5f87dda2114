import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { longestTimerMs } from "./alarm.ts";
import { Deadline } from "./deadline.ts";

const guard = { timeout: 30_000 };
const inMs = (durationMs: number): Date => new Date(Date.now() + durationMs);

test("the signal of a deadline aborts when it has come", guard, async () => {
  using deadline = new Deadline(inMs(10));
  await once(deadline.signal, "abort");
});

test("a deadline that is moved away comes when it was moved to, and not before", guard, async () => {
  using deadline = new Deadline(inMs(10));
  using other = new Deadline(inMs(20));
  assert.equal(deadline.signal.aborted, false);
  assert.equal(deadline.move(inMs(60_000)), true);
  await once(other.signal, "abort");
  assert.equal(deadline.signal.aborted, false);
  assert.equal(deadline.move(inMs(-1)), true);
  await once(deadline.signal, "abort");
});

test("a deadline may be taken back, and given where there was none", guard, async () => {
  using deadline = new Deadline(undefined);
  const { signal } = deadline;
  deadline.move(inMs(5));
  deadline.move(undefined);
  assert.equal(deadline.at, undefined);
  using other = new Deadline(inMs(20));
  await once(other.signal, "abort");
  assert.equal(signal.aborted, false);
  deadline.move(inMs(1));
  await once(signal, "abort");
});

test("a deadline beyond the longest timer does not come at once", guard, async () => {
  using deadline = new Deadline(inMs(longestTimerMs * 2));
  using other = new Deadline(inMs(20));
  assert.equal(deadline.signal.aborted, false);
  await once(other.signal, "abort");
  assert.equal(deadline.signal.aborted, false);
});

test("a deadline that a target was told of cannot be moved beyond that, until the target is done", () => {
  const at = inMs(60_000);
  using deadline = new Deadline(at);
  const told = deadline.tell();
  assert.equal(deadline.move(inMs(120_000)), false);
  assert.equal(deadline.move(undefined), false);
  assert.equal(deadline.move(inMs(30_000)), true, "earlier is the host's business");
  assert.equal(deadline.move(at), true);
  told[Symbol.dispose]();
  assert.equal(deadline.move(undefined), true);
});

test("a deadline does not come when its execution is over", guard, async () => {
  const deadline = new Deadline(inMs(10));
  const { signal } = deadline;
  const unasked = new Deadline(inMs(10));
  deadline[Symbol.dispose]();
  unasked[Symbol.dispose]();
  using other = new Deadline(inMs(20));
  await once(other.signal, "abort");
  assert.deepEqual([signal.aborted, unasked.signal.aborted], [false, false]);
});
