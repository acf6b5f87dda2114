import assert from "node:assert/strict";
import { test } from "node:test";

import { FieldError } from "@executor-host/sdk";

import { parseHeaders, toWire, withDefaults, withoutManaged } from "./headers.ts";

test("a header line is split at its first colon only", () => {
  // Dkron cut the value at a second colon (HT2).
  assert.deepEqual(parseHeaders('["Referer: http://x:1/y","Authorization:Bearer a:b","X-Empty:"]'), [
    ["Referer", "http://x:1/y"],
    ["Authorization", "Bearer a:b"],
    ["X-Empty", ""],
  ]);
});

test("a header name that comes twice is kept twice", () => {
  // Dkron kept the last one (HT3).
  assert.deepEqual(parseHeaders('["X-A: 1","x-a: 2"]'), [
    ["X-A", "1"],
    ["x-a", "2"],
  ]);
});

test("headers can be a JSON object of values and lists of values", () => {
  assert.deepEqual(parseHeaders('{"A":"1","B":["2","3"]}'), [
    ["A", "1"],
    ["B", "2"],
    ["B", "3"],
  ]);
});

for (const [text, message] of [
  ["not json", "is not JSON"],
  ['"text"', "is neither a JSON array nor a JSON object"],
  ["[1]", "entry 1 is no string"],
  // A line without a colon killed Dkron's plugin process (HT1).
  ['["A: 1","Bearer s3cret"]', "entry 2 has no colon"],
  ['["A B: 1"]', "entry 1 has no valid name"],
  ['[": 1"]', "entry 1 has no valid name"],
  ['["A: x\\r\\nB: s3cret"]', "the value of A holds a control character"],
  ['{"A":1}', 'header "A" has a value that is no string'],
  ['{"A":["x",null]}', 'header "A" has a value that is no string'],
] as const) {
  test(`headers ${text} are refused, without showing a value`, () => {
    assert.throws(
      () => parseHeaders(text),
      (error) => error instanceof FieldError && error.message === message && !error.message.includes("s3cret"),
    );
  });
}

test("headers that describe the message itself are taken out and named", () => {
  const { headers, dropped } = withoutManaged([
    ["Content-Length", "3"],
    ["X-A", "1"],
    ["transfer-encoding", "chunked"],
  ]);
  assert.deepEqual(headers, [["X-A", "1"]]);
  assert.deepEqual(dropped, ["Content-Length", "transfer-encoding"]);
});

test("a default header gives way to one of the job, whatever its case", () => {
  assert.deepEqual(
    withDefaults(
      [["user-agent", "mine"]],
      [
        ["User-Agent", "ours"],
        ["X", "1"],
      ],
    ),
    [
      ["user-agent", "mine"],
      ["X", "1"],
    ],
  );
});

test("a header value beyond ASCII travels as UTF-8", () => {
  assert.deepEqual(toWire([["X-Name", "日"]]), ["X-Name", Buffer.from("日").toString("latin1")]);
});
