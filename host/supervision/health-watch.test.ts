import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { HealthWatch, type HealthWatchOptions } from "./health-watch.ts";

const guard = { timeout: 60_000 };
const never = () => new Promise<void>(() => undefined);

/** A watch that asks at once. */
function watching(options: Pick<HealthWatchOptions, "ask" | "limitMs">) {
  const { promise: unresponsive, resolve } = Promise.withResolvers<"unresponsive">();
  const watch = new HealthWatch({ intervalMs: 1, ...options, onUnresponsive: () => resolve("unresponsive") });
  return { watch, unresponsive };
}

/** Answers, one for each time it is asked. */
function answers(answer: (signal: AbortSignal) => Promise<void>) {
  const asked: (() => void)[] = [];
  let count = 0;
  return {
    ask: (signal: AbortSignal) => {
      count += 1;
      for (const resolve of asked.splice(0)) resolve();
      return answer(signal);
    },
    get count() {
      return count;
    },
    next: () => new Promise<void>((resolve) => asked.push(resolve)),
  };
}

describe("a process counts as unresponsive", guard, () => {
  test("when it gives no answer and no other sign of life", guard, async () => {
    const { watch, unresponsive } = watching({ ask: never, limitMs: 50 });
    using _watch = watch;
    assert.equal(await unresponsive, "unresponsive");
  });

  test("when its link is broken all the time", guard, async () => {
    const { watch, unresponsive } = watching({ ask: () => Promise.reject(new Error("no link")), limitMs: 50 });
    using _watch = watch;
    assert.equal(await unresponsive, "unresponsive");
  });

  test("when its signs of life end", guard, async () => {
    const { watch, unresponsive } = watching({ ask: never, limitMs: 200 });
    using _watch = watch;
    const beats = setInterval(() => watch.touch(), 5);
    // Its own limit over and over.
    assert.equal(await Promise.race([unresponsive, sleep(1_000)]), undefined, "it lives");
    clearInterval(beats);
    assert.equal(await unresponsive, "unresponsive");
  });
});

describe("a process does not count as unresponsive", guard, () => {
  test("when it was this side that could not look for the answer", guard, async () => {
    const limitMs = 500;
    const asking = answers(() => sleep(limitMs / 5));
    const { watch, unresponsive } = watching({ ask: asking.ask, limitMs });
    using _watch = watch;
    for (let turn = 0; turn < 3; turn++) {
      await asking.next();
      // Nothing of this process runs meanwhile, as when it is stopped or the machine is suspended.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * limitMs);
      assert.equal(await Promise.race([unresponsive, asking.next()]), undefined, "it is asked again, so it answered");
    }
    assert(watch.lagMs !== undefined && watch.lagMs < limitMs, `${watch.lagMs}`);
  });

  test("while nobody reads what it writes", guard, async () => {
    const asking = answers(never);
    const { watch, unresponsive } = watching({ ask: asking.ask, limitMs: 100 });
    using _watch = watch;
    const excuses = [watch.excuse(), watch.excuse()];
    assert.equal(await Promise.race([unresponsive, sleep(500)]), undefined);
    for (const end of [...excuses, ...excuses]) end();
    assert.equal(await unresponsive, "unresponsive");
  });

  test("once nobody watches it", guard, async () => {
    const gone = Promise.withResolvers<void>();
    const asking = answers(async (signal) => {
      signal.addEventListener("abort", () => gone.resolve());
      await gone.promise;
    });
    const { watch, unresponsive } = watching({ ask: asking.ask, limitMs: 100 });
    await asking.next();
    watch[Symbol.dispose]();
    await gone.promise;
    assert.equal(await Promise.race([unresponsive, sleep(300)]), undefined);
    assert.equal(asking.count, 1);
  });
});
