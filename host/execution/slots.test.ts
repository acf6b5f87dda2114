import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots, type SlotRequest } from "./slots.ts";

/** Somebody who asks for a slot of an executor, and for nothing else. */
function by(executor: string, parts: Partial<SlotRequest> = {}): SlotRequest {
  return { executor, priority: 0, fairnessKey: "", concurrencyKey: "", maxConcurrent: 1, ...parts };
}

const signal = new AbortController().signal;

function slots(limits: Partial<ConstructorParameters<typeof Slots>[0]> = {}): Slots {
  return new Slots({ perHost: 2, perExecutor: 2, maxWaiting: 10, ...limits });
}

test("slots are given in the order they were asked for", async () => {
  const pool = slots({ perHost: 1 });
  const first = await pool.wait(by("a"), signal);
  const order: string[] = [];
  const waiting = ["b", "c"].map(async (name) => {
    using _slot = await pool.wait(by(name), signal);
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
  using _busy = await pool.wait(by("slow"), signal);
  const stuck = pool.wait(by("slow"), AbortSignal.timeout(10_000));
  using other = await pool.wait(by("quick"), signal);
  assert.equal(other.executor, "quick");
  _busy[Symbol.dispose]();
  (await stuck)[Symbol.dispose]();
});

test("nobody overtakes those who wait for the same executor", async () => {
  const pool = slots({ perHost: 1 });
  const held = await pool.wait(by("a"), signal);
  const waiting = pool.wait(by("a"), signal);
  held[Symbol.dispose]();
  assert.equal(pool.take(by("a")), undefined);
  (await waiting)[Symbol.dispose]();
});

test("a waiter that gives up leaves its place", async () => {
  const pool = slots({ perHost: 1 });
  const held = await pool.wait(by("a"), signal);
  const controller = new AbortController();
  const waiting = pool.wait(by("b"), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  assert.equal(pool.waiting, 0);
  held[Symbol.dispose]();
  assert.equal(pool.used, 0);
});

test("a slot given back twice counts once", async () => {
  const pool = slots();
  const slot = await pool.wait(by("a"), signal);
  slot[Symbol.dispose]();
  slot[Symbol.dispose]();
  assert.equal(pool.used, 0);
});

test("a full queue refuses with a delay for the next try", async () => {
  const pool = slots({ perHost: 1, maxWaiting: 1 });
  using _held = await pool.wait(by("a"), signal);
  pool.admit(by("a"));
  const controller = new AbortController();
  const waiting = pool.wait(by("a"), controller.signal);
  assert.throws(() => pool.admit(by("a")), { code: "QUEUE_FULL", retryable: true, retryAfterMs: 1000 });
  controller.abort(new Error("over"));
  await assert.rejects(waiting);
});

test("a reserved place is taken until it is given back", async () => {
  const pool = slots({ perHost: 1, maxWaiting: 1 });
  using _held = await pool.wait(by("a"), signal);
  const place = pool.reserve();
  assert.throws(() => pool.reserve(), { code: "QUEUE_FULL" });
  assert.throws(() => pool.admit(by("a")), { code: "QUEUE_FULL" });
  place[Symbol.dispose]();
  pool.reserve()[Symbol.dispose]();
});

test("the reason for waiting names the limit that is reached", async () => {
  const pool = slots({ perHost: 5, perExecutor: 1 });
  using _held = await pool.wait(by("a"), signal);
  assert.match(pool.reason(by("a")), /1 of 1 are in use for executor "a"/);
});

/** Ask for slots one after the other, let each go at once, and tell in which order they were given. */
async function orderOf(pool: Slots, requests: readonly SlotRequest[]): Promise<string[]> {
  const held = await pool.wait(by("first"), signal);
  const order: string[] = [];
  const waiting = requests.map(async (request) => {
    using slot = await pool.wait(request, signal);
    order.push(slot.executor);
  });
  held[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual([pool.used, pool.waiting], [0, 0]);
  return order;
}

test("a higher priority goes first, whoever came first", async () => {
  const requests = [by("low", { priority: -5 }), by("normal"), by("high", { priority: 7 }), by("normal too")];
  assert.deepEqual(await orderOf(slots({ perHost: 1 }), requests), ["high", "normal", "normal too", "low"]);
});

test("keys take turns, however many each has waiting", async () => {
  const a = ["a1", "a2", "a3", "a4"].map((name) => by(name, { fairnessKey: "a" }));
  const b = ["b1", "b2"].map((name) => by(name, { fairnessKey: "b" }));
  const order = await orderOf(slots({ perHost: 1 }), [...a, ...b]);
  assert.deepEqual(order, ["a1", "b1", "a2", "b2", "a3", "a4"]);
});

test("a key that has less under way comes first", async () => {
  const pool = slots({ perHost: 3, perExecutor: 3 });
  using _a1 = await pool.wait(by("a1", { fairnessKey: "a" }), signal);
  using _a2 = await pool.wait(by("a2", { fairnessKey: "a" }), signal);
  const held = await pool.wait(by("b1", { fairnessKey: "b" }), signal);
  const order: string[] = [];
  const waiting = [by("a3", { fairnessKey: "a" }), by("b2", { fairnessKey: "b" })].map(async (request) => {
    using slot = await pool.wait(request, signal);
    order.push(slot.executor);
  });
  held[Symbol.dispose]();
  await Promise.all(waiting);
  assert.deepEqual(order, ["b2", "a3"]);
});

test("executions of one concurrency key share its limit, and hold up nobody else", async () => {
  const pool = slots({ perHost: 10, perExecutor: 10 });
  const request = by("shell", { concurrencyKey: "nightly", maxConcurrent: 2 });
  const first = await pool.wait(request, signal);
  using _second = await pool.wait(request, signal);
  assert.equal(pool.take(request), undefined);
  assert.equal(pool.reason(request), 'waiting for a slot: 2 of 2 are in use for key "nightly"');
  const third = pool.wait(request, signal);
  using _other = await pool.wait(by("shell", { concurrencyKey: "hourly" }), signal);
  using _none = await pool.wait(by("shell"), signal);
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
});
