import assert from "node:assert/strict";
import test from "node:test";
import { limits } from "../defaults.ts";
import { DescriptorBudget } from "./descriptor-budget.ts";

const never = new AbortController().signal;

/** Room for so many jobs. */
function budgetFor(jobs: number): DescriptorBudget {
  return new DescriptorBudget(limits.reservedDescriptors + jobs * limits.descriptorsPerJob);
}

test("a job that finds no descriptors free waits until another gives them back, and who came first goes first", async () => {
  const budget = budgetFor(2);
  const [giveBack] = [await budget.take(never), await budget.take(never)];
  const order: number[] = [];
  const waiting = [1, 2].map((number) => budget.take(never).then((next) => (order.push(number), next)));
  giveBack();
  // The same ones are not given back twice.
  giveBack();
  const next = await waiting[0];
  assert.deepEqual(order, [1]);
  next?.();
  await waiting[1];
  assert.deepEqual(order, [1, 2]);
});

test("a job that is cancelled waits no longer, and takes nothing from those behind it", async () => {
  const budget = budgetFor(1);
  const giveBack = await budget.take(never);
  const cancel = new AbortController();
  const cancelled = budget.take(cancel.signal);
  const behind = budget.take(never);
  cancel.abort();
  (await cancelled)();
  giveBack();
  (await behind)();
  (await budget.take(never))();
});

test("however few descriptors there are, one job runs", async () => {
  (await new DescriptorBudget(10).take(never))();
});
