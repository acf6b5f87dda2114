import assert from "node:assert/strict";
import { test } from "node:test";

import { parseMessageLines, parseMessages } from "./many.ts";

test("a body may be text, bytes, or anything of JSON", () => {
  const bodies = parseMessages('[{"body":"a"},{"base64Body":"AAE="},{"body":{"n":1}},{"body":null}]').map(
    ({ content }) => content.toString("latin1"),
  );
  assert.deepEqual(bodies, ["a", "\0\u0001", '{"n":1}', "null"]);
});

test("each may have its own routing key, id and headers", () => {
  const [first, second] = parseMessageLines(
    '{"body":"a","routing_key":"r","messageId":"m","headers":{"h":true}}\r\n\n{"body":"b"}',
  );
  assert.deepEqual([first?.routingKey, first?.messageId, first?.headers], ["r", "m", { h: true }]);
  assert.deepEqual([second?.routingKey, second?.messageId, second?.headers], [undefined, undefined, {}]);
});

test("what is wrong is named by its place, without its content", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["[]", "holds no message"],
    ["{}", "is not a JSON array"],
    ["[5]", "message 1 is not a JSON object"],
    ["[{}]", "message 1 needs either body or base64Body"],
    ['[{"body":"a","base64Body":""}]', "message 1 needs either body or base64Body"],
    ['[{"base64Body":"?"}]', "message 1: base64Body is not base64"],
    ['[{"body":"a","key":"b"}]', 'message 1 has an unknown key "key"'],
    ['[{"body":"a","routing_key":5}]', "message 1: routing_key is no string"],
    ['[{"body":"a","headers":{"h":{"!":"x","value":1}}}]', "message 1: headers.h has an unknown type"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseMessages(text), { name: "FieldError", message });
  assert.throws(() => parseMessageLines("\n{"), { message: "line 2 is not JSON" });
});
