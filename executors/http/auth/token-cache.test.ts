import assert from "node:assert/strict";
import { test } from "node:test";

import { TokenCache, type Token } from "./token-cache.ts";

const signal = new AbortController().signal;

function counting(lifetimeMs: number): { calls: number; fetch: () => Promise<Token> } {
  const counter = {
    calls: 0,
    fetch: () => Promise.resolve({ value: `token-${++counter.calls}`, expiresAtMs: Date.now() + lifetimeMs }),
  };
  return counter;
}

test("TokenCache keeps a token until it is about to expire", async () => {
  const cache = new TokenCache();
  const { fetch } = counting(3_600_000);
  assert.equal(await cache.get("k", fetch, { signal }), "token-1");
  assert.equal(await cache.get("k", fetch, { signal }), "token-1");
  assert.equal(await cache.get("other", fetch, { signal }), "token-2");
});

test("TokenCache does not hand out a token that expires within the margin", async () => {
  const cache = new TokenCache();
  const { fetch } = counting(5_000);
  assert.equal(await cache.get("k", fetch, { signal }), "token-1");
  assert.equal(await cache.get("k", fetch, { signal }), "token-2");
});

test("TokenCache asks once for all who wait", async () => {
  const cache = new TokenCache();
  const counter = counting(3_600_000);
  const tokens = await Promise.all([1, 2, 3].map(() => cache.get("k", counter.fetch, { signal })));
  assert.deepEqual(tokens, ["token-1", "token-1", "token-1"]);
  assert.equal(counter.calls, 1);
});

test("TokenCache forgets a refused token, but not the newer one behind it", async () => {
  const cache = new TokenCache();
  const { fetch } = counting(3_600_000);
  await cache.get("k", fetch, { signal });
  cache.forget("k", "token-1");
  assert.equal(await cache.get("k", fetch, { signal }), "token-2");
  cache.forget("k", "token-1");
  assert.equal(await cache.get("k", fetch, { signal }), "token-2");
});

test("TokenCache tries anew after a failure", async () => {
  const cache = new TokenCache();
  await assert.rejects(
    cache.get("k", () => Promise.reject(new Error("down")), { signal }),
    /down/,
  );
  assert.equal(await cache.get("k", counting(3_600_000).fetch, { signal }), "token-1");
});

test("TokenCache lets one waiter go without disturbing the others", async () => {
  const cache = new TokenCache();
  const pending = Promise.withResolvers<Token>();
  const impatient = new AbortController();
  const first = cache.get("k", () => pending.promise, { signal: impatient.signal });
  const second = cache.get("k", () => pending.promise, { signal });
  impatient.abort(new Error("gone"));
  await assert.rejects(first, /gone/);
  pending.resolve({ value: "late", expiresAtMs: Date.now() + 3_600_000 });
  assert.equal(await second, "late");
});
