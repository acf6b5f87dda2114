import assert from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, nearest } from "./nearest.ts";

const keys = ["plugins-dirs", "state-dir", "runtime-dir", "log-level", "log-format", "limits.grace"];

test("nearest() finds the word a typing mistake away", () => {
  assert.equal(nearest("plugin-dirs", keys), "plugins-dirs");
  assert.equal(nearest("log-levle", keys), "log-level");
  assert.equal(nearest("stat-dir", keys), "state-dir");
});

test("nearest() does not mind another way of writing", () => {
  assert.equal(nearest("pluginsDirs", keys), "plugins-dirs");
  assert.equal(nearest("LIMITS_GRACE", keys), "limits.grace");
});

test("nearest() suggests nothing for a word that resembles none", () => {
  assert.equal(nearest("colour", keys), undefined);
  assert.equal(nearest("", keys), undefined);
});

test("didYouMean() says it in words, or nothing", () => {
  assert.equal(didYouMean("log-lvel", keys), "did you mean 'log-level'");
  assert.equal(didYouMean("colour", keys), "");
});
