import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostError } from "@executor-host/proto/shared/error";
import { configFromJson, configFromTrailing, parsePairs } from "./config-args.ts";

function refusal(run: () => unknown) {
  try {
    run();
  } catch (error) {
    assert.ok(isHostError(error) && error.code === "SPEC_INVALID", String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was accepted" });
}

test("parsePairs() splits at the first =", () => {
  assert.deepEqual(parsePairs(["a=1", "b=x=y", "c="], "config"), { a: "1", b: "x=y", c: "" });
});

test("parsePairs() keeps a key that objects have by nature", () => {
  const pairs = parsePairs(["__proto__=x", "constructor=y"], "config");
  assert.deepEqual(Object.entries(pairs), [
    ["__proto__", "x"],
    ["constructor", "y"],
  ]);
});

test("parsePairs() refuses a word without = and a key given twice", () => {
  assert.equal(refusal(() => parsePairs(["oops"], "config")).message, "not a config: oops");
  assert.equal(refusal(() => parsePairs(["=x"], "label")).message, "not a label: =x");
  assert.equal(refusal(() => parsePairs(["a=1", "a=2"], "config")).message, "config a is given twice");
});

test("configFromJson() takes strings only, and says how to write the others", () => {
  assert.deepEqual(configFromJson({ a: "x", b: "" }, "config"), { a: "x", b: "" });
  const { violations } = refusal(() => configFromJson({ a: true, b: 5, c: { d: 1 }, e: null, f: "x" }, "config"));
  assert.deepEqual(violations, [
    { field: "a", message: "must be a string: true", hint: 'write "a": "true"' },
    { field: "b", message: "must be a string: 5", hint: 'write "b": "5"' },
    { field: "c", message: 'must be a string: {"d":1}', hint: String.raw`write "c": "{\"d\":1}"` },
    { field: "e", message: "must be a string: null", hint: 'write "e": "null"' },
  ]);
  assert.match(
    refusal(() => configFromJson(["a"], "the config file")).message,
    /the config file must be a JSON object/,
  );
});

test("configFromTrailing() makes a command and its arguments, without splitting anything", () => {
  assert.deepEqual(configFromTrailing(undefined, {}), {});
  assert.deepEqual(configFromTrailing(["ls", "-l", "two words"], {}), { command: "ls", args: '["-l","two words"]' });
  assert.deepEqual(configFromTrailing(["my prog"], {}), { command: "my prog", args: "[]" });
  assert.deepEqual(configFromTrailing(["-l"], { command: "ls" }), { args: '["-l"]' });
  assert.deepEqual(configFromTrailing(["x"], { script: "echo $1" }), { args: '["x"]' });
  assert.match(refusal(() => configFromTrailing([], {})).message, /nothing follows --/);
  assert.match(refusal(() => configFromTrailing(["x"], { args: "[]" })).message, /args is given twice/);
});
