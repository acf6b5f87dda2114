import assert from "node:assert/strict";
import { test } from "node:test";

import { parseRecordLines, parseRecords, parseTimestamp } from "./parse.ts";

test("a value may be text, bytes, null or anything of JSON", () => {
  const values = parseRecords(
    '[{"value":"a"},{"value_base64":"AAE="},{"value":null},{"value":{"n":1}},{"value":[1]},{"value":0},{"value":false}]',
  ).map(({ value }) => value?.toString("latin1") ?? null);
  assert.deepEqual(values, ["a", "\0\u0001", null, '{"n":1}', "[1]", "0", "false"]);
});

test("a key may be missing, empty, text or bytes", () => {
  const keys = parseRecords(
    '[{"value":"x"},{"value":"x","key":""},{"value":"x","key":"é"},{"value":"x","key_base64":"/w=="}]',
  );
  assert.deepEqual(
    keys.map(({ key }) => key?.toString("hex") ?? null),
    [null, "", "c3a9", "ff"],
  );
});

test("lines may be empty, and end as on Windows", () => {
  const records = parseRecordLines(
    '{"value":"1"}\r\n\n{"value":"2","partition":3,"timestamp":5,"headers":{"a":["1","2"]}}\n',
  );
  assert.deepEqual(
    records.map(({ value, partition, timestampMs, headers }) => [value?.toString(), partition, timestampMs, headers]),
    [
      ["1", undefined, undefined, []],
      [
        "2",
        3,
        5,
        [
          ["a", "1"],
          ["a", "2"],
        ],
      ],
    ],
  );
});

test("what is wrong is named by its place, without its content", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["nonsense", "is not JSON"],
    ["{}", "is not a JSON array"],
    ["[]", "holds no record"],
    ['[{"value":"x"},5]', "record 2 is not a JSON object"],
    ['[{"key":"x"}]', "record 1 has no value"],
    ['[{"value":"x","topic":"y"}]', 'record 1 has an unknown key "topic"'],
    ['[{"value":"x","value_base64":"eA=="}]', "record 1 has both value and value_base64"],
    ['[{"value_base64":"?"}]', "record 1: value_base64 is not base64"],
    ['[{"value":"x","partition":-1}]', "record 1: partition is not a whole number of at least 0"],
    ['[{"value":"x","timestamp":"soon"}]', "record 1: timestamp is not a time"],
    ['[{"value":"x","headers":[1]}]', "record 1: headers entry 1 is no string"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseRecords(text), { name: "FieldError", message });
  assert.throws(() => parseRecordLines('\n{"value":"x"}\n{'), { message: "line 3 is not JSON" });
});

test("a time is milliseconds, or a date with its zone", () => {
  assert.equal(parseTimestamp("1700000000000"), 1_700_000_000_000);
  assert.equal(parseTimestamp("2026-01-31T06:00:00Z"), Date.UTC(2026, 0, 31, 6));
  assert.equal(parseTimestamp("2026-01-31T06:00:00.250+02:00"), Date.UTC(2026, 0, 31, 4, 0, 0, 250));
  for (const text of ["2026-01-31", "2026-01-31T06:00:00", "-5", "now", "2026-13-31T06:00:00Z"]) {
    assert.throws(() => parseTimestamp(text), { message: "is not a time" }, text);
  }
});
