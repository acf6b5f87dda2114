import assert from "node:assert/strict";
import { test } from "node:test";

import { parseTable } from "./table.ts";

test("JSON becomes what AMQP has for it", () => {
  assert.deepEqual(parseTable('{"a":"x","b":true,"c":null,"d":1,"e":0.5,"f":[1,{"g":"y"}]}'), {
    a: "x",
    b: true,
    c: null,
    d: { "!": "long", value: 1 },
    e: { "!": "double", value: 0.5 },
    f: [{ "!": "long", value: 1 }, { g: "y" }],
  });
});

test("a typed value has its type", () => {
  const typed = (type: string, value: unknown): unknown => parseTable(JSON.stringify({ a: { "!": type, value } }))["a"];
  assert.deepEqual(typed("byte", -128), { "!": "byte", value: -128 });
  assert.deepEqual(typed("unsignedint", 4_294_967_295), { "!": "unsignedint", value: 4_294_967_295 });
  assert.deepEqual(typed("long", "9007199254740993"), { "!": "long", value: 9_007_199_254_740_993n });
  assert.deepEqual(typed("timestamp", 5), { "!": "timestamp", value: 5 });
  assert.deepEqual(typed("double", 2), { "!": "double", value: 2 });
  assert.deepEqual(typed("bytes", "AAE="), Buffer.from([0, 1]));
});

test("what AMQP has no room for is named by its place", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["x", "is not JSON"],
    ["[]", "is not a JSON object"],
    ['{"a":{"b":9007199254740993}}', "a.b is too large a number for JSON"],
    ['{"a":[1,{"!":"byte","value":128}]}', "a[1] is out of the range of byte"],
    ['{"a":{"!":"byte","value":1.5}}', "a is not a whole number"],
    ['{"a":{"!":"int"}}', "a is not a typed value"],
    ['{"a":{"!":"toString","value":1}}', "a has an unknown type"],
    ['{"a":{"!":"double","value":"1"}}', "a is not a number"],
    ['{"a":{"!":"bytes","value":"?"}}', "a is not base64"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseTable(text), { name: "FieldError", message });
  assert.throws(() => parseTable(JSON.stringify({ ["n".repeat(256)]: 1 })), {
    message: "has a name of more than 255 bytes",
  });
});
