import assert from "node:assert/strict";
import { test } from "node:test";

import { splitJson } from "./split-json.ts";

for (const [what, text, pieces] of [
  ["nothing", " \n ", []],
  ["one value", ' {"a":[1,{"b":"}"}]} ', ['{"a":[1,{"b":"}"}]}']],
  ["values on lines", '{"a":1}\n{"a":2}\r\n', ['{"a":1}', '{"a":2}']],
  ["values without anything between them", "{}{}[1]", ["{}", "{}", "[1]"]],
  ["brackets and quotes within strings", '{"a":"\\"}{"}{"b":"\\\\"}', ['{"a":"\\"}{"}', '{"b":"\\\\"}']],
  ["scalars", '1 "two 2" true', ["1", '"two 2"', "true"]],
  ["what never ends", '{"a":1}{"b"', ['{"a":1}', '{"b"']],
  ["what is no JSON", "nonsense } {", ["nonsense", "} {"]],
] as const) {
  test(`splits ${what}`, () => assert.deepEqual(splitJson(text), pieces));
}
