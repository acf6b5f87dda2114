import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "./slots.ts";

const signal = new AbortController().signal;

function slots(limits: Partial<ConstructorParameters<typeof Slots>[0]> = {}): Slots {
  return new Slots({ perHost: 2, perExecutor: 2, maxWaiting: 10, ...limits });
}

test("slots are given in the order they were asked for", async () => {
  const pool = slots({ perHost: 1 });
  const first = await pool.wait("a", signal);
  const order: string[] = [];
  const waiting = ["b", "c"].map(async (name) => {
    using _slot = await pool.wait(name, signal);
    order.push(name);
  });
  assert.equal(pool.waiting, 2);
  first[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(order, ["b", "c"]);
  assert.equal(pool.used, 0);
});

test("a full executor does not hold up another one", async () => {
  const pool = slots({ perExecutor: 1 });
  using _busy = await pool.wait("slow", signal);
  const stuck = pool.wait("slow", AbortSignal.timeout(10_000));
  using other = await pool.wait("quick", signal);
  assert.equal(other.executor, "quick");
  _busy[Symbol.dispose]();
  (await stuck)[Symbol.dispose]();
});

test("nobody overtakes those who wait for the same executor", async () => {
  const pool = slots({ perHost: 1 });
  const held = await pool.wait("a", signal);
  const waiting = pool.wait("a", signal);
  held[Symbol.dispose]();
  assert.equal(pool.take("a"), undefined);
  (await waiting)[Symbol.dispose]();
});

test("a waiter that gives up leaves its place", async () => {
  const pool = slots({ perHost: 1 });
  const held = await pool.wait("a", signal);
  const controller = new AbortController();
  const waiting = pool.wait("b", controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.equal(pool.waiting, 0);
  held[Symbol.dispose]();
  assert.equal(pool.used, 0);
});

test("a slot given back twice counts once", async () => {
  const pool = slots();
  const slot = await pool.wait("a", signal);
  slot[Symbol.dispose]();
  slot[Symbol.dispose]();
  assert.equal(pool.used, 0);
});

test("a full queue refuses with a delay for the next try", async () => {
  const pool = slots({ perHost: 1, maxWaiting: 1 });
  using _held = await pool.wait("a", signal);
  pool.admit("a");
  const controller = new AbortController();
  const waiting = pool.wait("a", controller.signal);
  assert.throws(() => pool.admit("a"), { code: "QUEUE_FULL", retryable: true, retryAfterMs: 1000 });
  controller.abort(new Error("over"));
  await assert.rejects(waiting);
});

test("a reserved place is taken until it is given back", async () => {
  const pool = slots({ perHost: 1, maxWaiting: 1 });
  using _held = await pool.wait("a", signal);
  const place = pool.reserve();
  assert.throws(() => pool.reserve(), { code: "QUEUE_FULL" });
  assert.throws(() => pool.admit("a"), { code: "QUEUE_FULL" });
  place[Symbol.dispose]();
  pool.reserve()[Symbol.dispose]();
});

test("the reason for waiting names the limit that is reached", async () => {
  const pool = slots({ perHost: 5, perExecutor: 1 });
  using _held = await pool.wait("a", signal);
  assert.match(pool.reason("a"), /1 of 1 are in use for executor "a"/);
});
