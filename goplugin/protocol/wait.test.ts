import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledWithin, WaitTimeout, within } from "./wait.ts";

const never = new Promise<never>(() => undefined);

describe("within()", () => {
  it("passes on what the promise gives", async () => {
    assert.equal(await within(Promise.resolve(7), { timeoutMs: 60_000 }), 7);
    await assert.rejects(within(Promise.reject(new Error("own")), { timeoutMs: 60_000 }), /own/);
  });

  it("throws WaitTimeout when time is up", async () => {
    await assert.rejects(within(never, { timeoutMs: 1 }), WaitTimeout);
  });

  it("throws the signal's reason when aborted, before and while waiting", async () => {
    const reason = new Error("enough");
    await assert.rejects(within(never, { timeoutMs: 60_000, signal: AbortSignal.abort(reason) }), reason);
    const aborter = new AbortController();
    const waiting = within(never, { timeoutMs: 60_000, signal: aborter.signal });
    aborter.abort(reason);
    await assert.rejects(waiting, reason);
  });
});

describe("settledWithin()", () => {
  it("is true for both ways a promise can settle", async () => {
    assert.equal(await settledWithin(Promise.resolve(), 60_000), true);
    assert.equal(await settledWithin(Promise.reject(new Error("own")), 60_000), true);
  });

  it("is false when time is up", async () => {
    assert.equal(await settledWithin(never, 1), false);
  });
});
