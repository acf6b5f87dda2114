import assert from "node:assert/strict";
import { test } from "node:test";

import { matches } from "./matches.ts";
import { parsePattern } from "./pattern.ts";

test("matches() finds a pattern anywhere in the text", () => {
  assert.equal(matches(parsePattern("b+"), "abbc"), true);
  assert.equal(matches(parsePattern("x"), "abbc"), false);
});

test("matches() gives up a pattern that backtracks without end", { timeout: 60_000 }, () => {
  assert.throws(() => matches(parsePattern("^(a+)+$"), `${"a".repeat(60)}!`), {
    code: "PATTERN_TOO_SLOW",
    retryability: "PERMANENT",
  });
});
