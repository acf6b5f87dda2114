import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfigText } from "./config-text.ts";

const schema = {
  type: "object",
  properties: {
    command: { type: "string" },
    shell: { type: "boolean" },
    port: { type: "integer" },
    ratio: { type: "number" },
    headers: { type: "array", items: { type: "string" } },
    retry: { type: "object" },
    either: { type: ["array", "object"] },
    textual: { type: ["string", "number"] },
    anything: {},
    pin: { type: "integer", writeOnly: true },
  },
};

test("config text becomes JSON by the type of its key", () => {
  const { value } = readConfigText(schema, {
    command: "1",
    shell: "T",
    port: "+8080",
    ratio: ".5",
    headers: '["a"]',
    retry: '{"a":1}',
    either: "[1]",
    textual: "7",
    anything: "{}",
    unknown: "stays",
  });
  assert.deepEqual(value, {
    command: "1",
    shell: true,
    port: 8080,
    ratio: 0.5,
    headers: ["a"],
    retry: { a: 1 },
    either: [1],
    textual: "7",
    anything: "{}",
    unknown: "stays",
  });
});

test("config text that is empty counts only for keys that take text", () => {
  assert.deepEqual(readConfigText(schema, { command: "", port: "", retry: "" }).value, { command: "" });
});

const refusals: readonly [key: string, text: string, message: string][] = [
  ["shell", "yes", '"yes" is not true or false'],
  ["port", "80.5", '"80.5" is not a whole number'],
  ["port", "0x10", '"0x10" is not a whole number'],
  ["ratio", "1e999", '"1e999" is not a number'],
  ["headers", "secret", "the value is not JSON"],
  ["pin", "secret", "the value is not a whole number"],
];

for (const [key, text, message] of refusals) {
  test(`config text is refused for ${key}: ${text}`, () => {
    const { violations } = readConfigText(schema, { [key]: text });
    assert.deepEqual(
      violations?.map((violation) => [violation.field, violation.message]),
      [[key, message]],
    );
  });
}

test("config text is read without a schema", () => {
  assert.deepEqual(readConfigText(undefined, { a: "b" }).value, { a: "b" });
  assert.deepEqual(readConfigText({ type: "object" }, { constructor: "b" }).value, { constructor: "b" });
});
