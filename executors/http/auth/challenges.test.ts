import assert from "node:assert/strict";
import { test } from "node:test";

import { parseChallenges } from "./challenges.ts";

for (const [what, headers, expected] of [
  ["one challenge", ['Basic realm="a b"'], [{ scheme: "basic", parameters: { realm: "a b" } }]],
  [
    "several challenges in one line",
    ['Digest realm="x", nonce="n,1", qop="auth,auth-int", algorithm=MD5, Basic realm="y"'],
    [
      { scheme: "digest", parameters: { realm: "x", nonce: "n,1", qop: "auth,auth-int", algorithm: "MD5" } },
      { scheme: "basic", parameters: { realm: "y" } },
    ],
  ],
  [
    "several lines",
    ["Negotiate", 'Bearer error="invalid_token"'],
    [
      { scheme: "negotiate", parameters: {} },
      { scheme: "bearer", parameters: { error: "invalid_token" } },
    ],
  ],
  ["an escaped quote", ['Basic realm="a\\"b"'], [{ scheme: "basic", parameters: { realm: 'a"b' } }]],
  ["nothing", [""], []],
] as const) {
  test(`WWW-Authenticate with ${what} is read`, () => {
    assert.deepEqual(parseChallenges(headers), expected);
  });
}
