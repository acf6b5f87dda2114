import assert from "node:assert/strict";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { limits } from "./defaults.ts";
import { requestsOf } from "./message/read.ts";

/** `field message` of everything that is wrong. */
function problems(given: Record<string, string>): string[] {
  const { value, violations } = config.parse({ topic: "ticks", project: "acme", ...given });
  return (violations ?? check(value)).map(({ field, message }) => `${field} ${message}`);
}

test("every key of Dkron's executor is taken in every form it takes there", () => {
  assert.deepEqual(
    problems({ project: "acme-prod", topic: "ticks", data: "aGk=", attributes: '{"source":"cron"}' }),
    [],
  );
  assert.deepEqual(problems({ data: "aGk=" }), []);
  assert.deepEqual(problems({ attributes: '{"source":"cron"}' }), []);
});

for (const [what, given, expected] of [
  ["no content", {}, "data is required, or attributes"],
  ["empty content", { data: "", attributes: "{}" }, "data is required, or attributes"],
  ["bad base64", { data: "?" }, "data is not base64"],
  ["attributes that are no strings", { attributes: '{"a":1}' }, 'attributes attribute "a" is no string'],
  ["a reserved attribute", { attributes: '{"goog-x":"1"}' }, 'attributes attribute "goog-x" is reserved by Google'],
  ["two contents", { data: "aGk=", data_text: "x" }, "data_text cannot be combined with data"],
  [
    "content beside a batch",
    { data_text: "x", messages: '{"data_text":"y"}' },
    "messages cannot be combined with data_text",
  ],
  [
    "attributes beside a batch",
    { attributes: '{"a":"b"}', messages: '{"data_text":"y"}' },
    "attributes cannot be combined with messages",
  ],
  ["a batch of nothing", { messages: "[]" }, "messages holds no message"],
  ["a line that is no JSON", { messages: '{"data_text":"y"}\nx' }, "messages line 2 is not JSON"],
  ["an empty message", { messages: '{"data_text":"y"}\n{}' }, "messages message 2: has neither data nor attributes"],
  ["an unknown key of a message", { messages: '{"body":"y"}' }, "messages message 1: body is not a known key"],
  ["bad base64 in a message", { messages: '{"data":"?"}' }, "messages message 1: data is not base64"],
  ["a topic that is none", { topic: "a/b", data_text: "x" }, 'topic "a/b" is no topic'],
  [
    "a topic of another project",
    { topic: "projects/other/topics/ticks", data_text: "x" },
    "topic belongs to another project",
  ],
  ["no project", { project: "", data_text: "x" }, "project is required"],
  ["an endpoint that is none", { endpoint: "a b", data_text: "x" }, 'endpoint "a b" is no endpoint'],
  [
    "an emulator with credentials",
    { emulator: "h:1", credentials: "{}", data_text: "x" },
    "credentials cannot be combined with emulator",
  ],
] as const) {
  test(`${what} is refused`, () => assert.deepEqual(problems(given), [expected]));
}

test("messages are put together in requests, and a large one has its own", () => {
  const message = (bytes: number) => ({ data: Buffer.alloc(bytes), attributes: {}, orderingKey: "" });
  const small = Array.from({ length: limits.requestMessages * 2 + 1 }, () => message(1));
  assert.deepEqual(
    requestsOf(small).map(({ length }) => length),
    [limits.requestMessages, limits.requestMessages, 1],
  );
  const large = [message(9_000_000), message(3_000_000), message(900_000), message(900_000)];
  assert.deepEqual(
    requestsOf(large).map(({ length }) => length),
    [1, 2, 1],
  );
  assert.deepEqual(requestsOf([]), []);
});
