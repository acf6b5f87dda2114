import assert from "node:assert/strict";
import { test } from "node:test";
import type { Executor } from "../client/types.ts";
import { shellSchema } from "../client/fixtures/test-host.ts";
import { styler } from "../log/style.ts";
import { configKeys } from "./config-keys.ts";
import { renderMarkdown, renderText } from "./executor-reference.ts";

const executor: Executor = {
  name: "shell",
  path: "/plugins/dkron-executor-shell",
  state: "READY",
  reason: "",
  version: "1.2.3",
  summary: "Runs commands",
  capabilities: {
    cancel: true,
    attach: false,
    probe: true,
    idempotent: false,
    maxConcurrentExecutions: 0,
    heartbeat: false,
    setDeadline: false,
  },
  protocolVersion: 2,
  processes: [],
  crashes: 0,
  lastCrash: "",
  pinnedSha256: "",
  isolation: [],
};

test("configKeys() puts a JSON Schema into words", () => {
  const keys = configKeys(JSON.stringify(shellSchema));
  assert.deepEqual(
    keys.map(({ name, type, default: fallback }) => [name, type, fallback]),
    [
      ["command", "text", undefined],
      ["shell", "true or false", "false"],
      ["timeout", "text", undefined],
      ["user", "text", undefined],
      ["payload", "text", undefined],
      ["env", "JSON object", undefined],
      ["signal", "one of SIGTERM, SIGINT", "SIGTERM"],
    ],
  );
  const [command, shell] = keys;
  assert.equal(command?.isRequired, true);
  assert.deepEqual(command.examples, ["command='echo hello'"]);
  assert.deepEqual(shell?.choices, ["true", "false"]);
  assert.ok(keys.find(({ name }) => name === "payload")?.isSecret);
  assert.ok(keys.find(({ name }) => name === "user")?.isDeprecated);
});

test("configKeys() writes an example of several lines as a word of a command line", () => {
  const properties = { script: { type: "string", examples: ["set -e\necho 'a\\b'"] } };
  const [script] = configKeys(JSON.stringify({ properties }));
  assert.deepEqual(script?.examples, [String.raw`script=$'set -e\necho \'a\\b\''`]);
});

test("configKeys() uses formats and bounds where a schema has them", () => {
  const properties = {
    a: { type: "string", format: "go-duration" },
    b: { type: "integer", minimum: 1 },
    c: { type: "integer", minimum: -20, maximum: 19 },
    d: { type: ["string", "number"] },
    e: true,
    f: { type: "string", format: "text-map" },
  };
  assert.deepEqual(
    configKeys(JSON.stringify({ properties })).map(({ type }) => type),
    ["duration", "whole number, at least 1", "whole number from -20 to 19", "text", "text", "map"],
  );
});

for (const schema of ["", "nonsense", "[]", "null", "{}", '{"properties":[]}']) {
  test(`configKeys() finds no keys in ${schema === "" ? "nothing" : schema}`, () => {
    assert.deepEqual(configKeys(schema), []);
  });
}

test("renderText() shows every key with its traits, wrapped to the terminal", () => {
  const text = renderText(executor, configKeys(JSON.stringify(shellSchema)), 40, styler(false));
  assert.match(
    text,
    /^shell 1\.2\.3: Runs commands\n {2}path {2}\/plugins\/dkron-executor-shell\n {2}can {3}cancel, probe\n/,
  );
  assert.match(
    text,
    /\n {2}command {2}text, required\n {4}Command line to run\n {4}for instance command='echo hello'\n/,
  );
  assert.match(text, /\n {2}payload {2}text, secret\n/);
  assert.match(text, /\n {2}user {2}text, deprecated\n/);
  const long = configKeys(JSON.stringify({ properties: { k: { type: "string", description: "word ".repeat(30) } } }));
  for (const line of renderText(executor, long, 40, styler(false)).split("\n").slice(4))
    assert.ok(line.length <= 40, line);
});

test("renderMarkdown() makes a table whose cells survive bars and line ends", () => {
  const schema = { properties: { k: { type: "string", description: "a|b\nc", examples: ["x|y"] } } };
  const page = renderMarkdown(executor, configKeys(JSON.stringify(schema)));
  assert.match(page, /^# shell\n\nRuns commands\.\n\nVersion 1\.2\.3\. Can: cancel, probe\.\n/);
  assert.ok(page.endsWith("| `k` | text | a\\|b c Example: `k='x\\|y'` |\n"), page);
});

test("an executor without a schema is described without keys", () => {
  assert.match(renderText(executor, [], 80, styler(false)), /It publishes no keys/);
  assert.match(renderMarkdown(executor, []), /It publishes no keys/);
});
