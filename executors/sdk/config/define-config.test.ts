import assert from "node:assert/strict";
import { test } from "node:test";
import {
  array,
  byteSize,
  choice,
  custom,
  decimal,
  defineConfig,
  duration,
  FieldError,
  flag,
  integer,
  json,
  object,
  record,
  text,
  textList,
  textMap,
  type ConfigOf,
  type JsonValue,
} from "../index.ts";

const everything = defineConfig({
  command: text({ summary: "What to run.", required: true, examples: ["echo hi"] }),
  label: text({ summary: "A label.", pattern: /^[a-z]+$/, examples: ["night"] }),
  shell: flag({ summary: "Use a shell.", default: false }),
  port: integer({ summary: "Port.", minimum: 1, maximum: 65_535, examples: ["8080"] }),
  ratio: decimal({ summary: "Ratio.", minimum: 0 }),
  timeout: duration({ summary: "Limit.", examples: ["30s"] }),
  wait: duration({ summary: "Wait.", bareUnit: "s", default: 30_000 }),
  memory: byteSize({ summary: "Memory.", examples: ["64MB"] }),
  mode: choice({ summary: "Mode.", values: ["append", "replace"], default: "append" }),
  hosts: textList({ summary: "Hosts.", examples: ["a,b"] }),
  env: textMap({ summary: "Environment." }),
  password: text({ summary: "Password.", secret: true, minLength: 8 }),
  retry: json({
    summary: "Retries.",
    shape: object({
      maxAttempts: integer({ summary: "Attempts.", required: true, minimum: 1 }),
      backoff: duration({ summary: "Pause.", default: 1_000 }),
      codes: json({ summary: "Codes.", shape: array(integer({ summary: "Code." })) }),
      token: text({ summary: "Token.", secret: true, pattern: /^t-/ }),
    }),
  }),
  limits: json({ summary: "Limits.", shape: record(integer({ summary: "Limit.", minimum: 0 })) }),
  url: custom({
    summary: "Target.",
    schema: { type: "string", format: "uri" },
    parse(value) {
      if (!URL.canParse(value))
        throw new FieldError(`"${value}" is not a URL`, "write something like http://host/path");
      return new URL(value);
    },
  }),
  old: text({ summary: "Old name.", deprecated: "use label" }),
});

type Everything = ConfigOf<typeof everything>;

/** Fails to compile when inference is off. */
function typed(config: Everything): void {
  config.command satisfies string;
  config.label satisfies string | undefined;
  config.shell satisfies boolean;
  config.mode satisfies "append" | "replace";
  config.wait satisfies number;
  config.retry?.maxAttempts satisfies number | undefined;
  config.retry?.codes?.[0] satisfies number | undefined;
  config.url satisfies URL | undefined;
  // @ts-expect-error a key without default may be absent
  config.timeout satisfies number;
}

function parse(config: Record<string, string>): Everything {
  const parsed = everything.parse({ command: "x", ...config });
  assert.equal(parsed.violations, undefined);
  assert.ok(parsed.value);
  typed(parsed.value);
  return parsed.value;
}

const rows: readonly [key: keyof Everything, text: string, value: unknown][] = [
  ["label", "night", "night"],
  ["shell", "T", true],
  ["shell", "0", false],
  ["shell", "", false],
  ["port", "8080", 8080],
  ["port", "+1", 1],
  ["port", "", undefined],
  ["ratio", "1.5e-3", 0.0015],
  ["timeout", "1h30m", 5_400_000],
  ["timeout", "0", 0],
  ["timeout", "1.5us", 0.0015],
  ["wait", "30", 30_000],
  ["wait", "1.5", 1_500],
  ["wait", "2m", 120_000],
  ["memory", "1048576", 1_048_576],
  ["memory", "1.5kb", 1_536],
  ["memory", "2GiB", 2 * 1024 ** 3],
  ["mode", "replace", "replace"],
  ["hosts", "a:1, b:2,", ["a:1", "b:2"]],
  ["hosts", '["a,b", "c"]', ["a,b", "c"]],
  ["env", "A=1, B=x=y,C=", { A: "1", B: "x=y", C: "" }],
  ["env", '{"A":"1,2"}', { A: "1,2" }],
  ["limits", '{"a b":3}', { "a b": 3 }],
  ["retry", '{"maxAttempts":3,"codes":[1,2]}', { maxAttempts: 3, backoff: 1_000, codes: [1, 2], token: undefined }],
  ["url", "http://a/b", new URL("http://a/b")],
];

for (const [key, given, value] of rows) {
  test(`config reads ${key} ${JSON.stringify(given)}`, () => {
    assert.deepEqual(parse({ [key]: given })[key], value);
  });
}

const refusals: readonly [key: string, text: string, field: string, message: string, hint: string | RegExp][] = [
  ["timeout", "30", "timeout", '"30" is not a duration', "write a number and a unit, such as 30s or 1h30m"],
  ["timeout", "-5s", "timeout", '"-5s" is shorter than 0s', "write at least 0s"],
  ["timeout", "1d", "timeout", '"1d" is not a duration', /number and a unit/],
  ["port", "eighty", "port", '"eighty" is not a whole number', "write a whole number from 1 to 65535"],
  ["port", "0", "port", "0 is less than 1", "write a whole number from 1 to 65535"],
  ["port", "1.5", "port", "1.5 is not a whole number", /./],
  ["memory", "64 MB", "memory", '"64 MB" is not a size', /without a space/],
  ["memory", "0", "memory", '"0" is less than 1', /./],
  ["memory", "1PB", "memory", '"1PB" is not a size', /./],
  ["shell", "yes", "shell", '"yes" is not true or false', "write true or false"],
  ["mode", "apend", "mode", '"apend" is not one of append, replace', "did you mean append?"],
  ["label", "A1", "label", '"A1" does not match ^[a-z]+$', "write something like night"],
  ["command", "", "command", "must not be empty", ""],
  ["hosts", '["a", 5]', "hosts[1]", "5 is not a string", "put it in double quotes"],
  ["env", "A", "env", '"A" is not NAME=VALUE', /K=V/],
  ["url", "nope", "url", '"nope" is not a URL', /http/],
  ["retry", "{}", "retry.maxAttempts", "is required", ""],
  ["retry", '{"maxAttempts":0}', "retry.maxAttempts", "0 is less than 1", /./],
  ["retry", '{"maxAttempts":1,"codes":[1,"x"]}', "retry.codes[1]", '"x" is not a whole number', /./],
  ["retry", '{"maxAttempts":1,"backof":"1s"}', "retry.backof", "is not a known key", "did you mean backoff?"],
  ["retry", '{"maxAttempts":1', "retry", "is not JSON: it ends too early", /brackets/],
  ["retry", "x", "retry", "is not JSON", /brackets/],
  ["retry", '{"maxAttempts":1,}', "retry", "is not JSON: unexpected character at position 17", /brackets/],
  ["retry", "[]", "retry", "an array is not a JSON object", ""],
  ["limits", '{"a b":-1}', 'limits["a b"]', "-1 is less than 0", /./],
  ["timout", "30s", "timout", "is not a known key", "did you mean timeout?"],
  ["colour", "red", "colour", "is not a known key", /^known keys: command, label, .* and \d+ more$/],
];

for (const [key, given, field, message, hint] of refusals) {
  test(`config refuses ${key} ${JSON.stringify(given)}`, () => {
    const { violations } = everything.parse({ command: "x", [key]: given });
    assert.equal(violations?.length, 1);
    assert.deepEqual([violations[0]?.field, violations[0]?.message], [field, message]);
    if (typeof hint === "string") assert.equal(violations[0]?.hint, hint);
    else assert.match(violations[0]?.hint ?? "", hint);
  });
}

test("config reports every violation at once", () => {
  const { violations } = everything.parse({ port: "x", timeout: "y", what: "z" });
  assert.deepEqual(
    violations?.map(({ field }) => field),
    ["command", "port", "timeout", "what"],
  );
});

test("config turns unknown keys into warnings where asked", () => {
  const parsed = everything.parse({ command: "x", timout: "30s" }, { unknownKeys: "warn" });
  assert.equal(parsed.value?.command, "x");
  assert.deepEqual(parsed.warnings, ["timout is not a known key and was ignored: did you mean timeout?"]);
});

test("config warns about a deprecated key that is used", () => {
  assert.deepEqual(everything.parse({ command: "x", old: "y" }).warnings, ["old is deprecated: use label"]);
});

test("config never shows a secret", () => {
  const secrets = defineConfig({
    text: text({ summary: "s", secret: true, pattern: /^x/ }),
    short: text({ summary: "s", secret: true, minLength: 50 }),
    number: integer({ summary: "s", secret: true }),
    span: duration({ summary: "s", secret: true }),
    choice: choice({ summary: "s", secret: true, values: ["hunter1"] }),
    list: textList({ summary: "s", secret: true }),
    map: textMap({ summary: "s", secret: true }),
    nested: json({ summary: "s", shape: object({ token: integer({ summary: "s", secret: true }) }) }),
    broken: json({ summary: "s", secret: true, shape: array(text({ summary: "s" })) }),
    url: custom({ summary: "s", secret: true, schema: { type: "string" }, parse: (value) => new URL(value) }),
    loud: custom({
      summary: "s",
      secret: true,
      schema: { type: "string" },
      parse(value): string {
        throw new FieldError(`"${value}" is bad`);
      },
    }),
  });
  const secret = "hunter2";
  const { violations } = secrets.parse({
    ...Object.fromEntries(Object.keys(secrets.fields).map((key) => [key, secret])),
    list: `["a", {"${secret}": 1}]`,
    map: `{"a": {"${secret}": 1}}`,
    nested: `{"token": "${secret}"}`,
    broken: `["${secret}`,
  });
  assert.equal(violations?.length, Object.keys(secrets.fields).length);
  assert.doesNotMatch(JSON.stringify(violations), /hunter2/);
});

test("config publishes a schema that says all it knows", () => {
  const schema = everything.jsonSchema();
  assert.equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  assert.equal(schema["additionalProperties"], false);
  assert.deepEqual(schema["required"], ["command"]);
  const properties = schema["properties"] as Record<string, JsonValue>;
  assert.deepEqual(properties, {
    ...properties,
    command: { type: "string", minLength: 1, description: "What to run.", examples: ["echo hi"] },
    shell: { type: "boolean", description: "Use a shell.", default: false },
    port: { type: "integer", minimum: 1, maximum: 65_535, description: "Port.", examples: [8080] },
    timeout: { type: "string", format: "go-duration", description: "Limit.", examples: ["30s"] },
    wait: { type: "string", format: "go-duration", description: "Wait.", default: "30s" },
    memory: { type: "string", format: "byte-size", description: "Memory.", examples: ["64MB"] },
    mode: { type: "string", enum: ["append", "replace"], description: "Mode.", default: "append" },
    password: { type: "string", minLength: 8, description: "Password.", writeOnly: true },
    old: { type: "string", description: "Old name. Deprecated: use label", deprecated: true },
    retry: {
      type: "object",
      properties: {
        maxAttempts: { type: "integer", minimum: 1, description: "Attempts." },
        backoff: { type: "string", format: "go-duration", description: "Pause.", default: "1s" },
        codes: { type: "array", items: { type: "integer" }, description: "Codes." },
        token: { type: "string", pattern: "^t-", description: "Token.", writeOnly: true },
      },
      required: ["maxAttempts"],
      additionalProperties: false,
      description: "Retries.",
      writeOnly: true,
    },
  });
});

test("config fields refuse options that make no sense", () => {
  assert.throws(() => integer({ summary: "s", required: true, default: 1 }), TypeError);
  assert.throws(() => json({ summary: "s", shape: text({ summary: "s" }) }), TypeError);
  const broken = defineConfig({ port: integer({ summary: "s", maximum: 5, examples: ["6"] }) });
  assert.throws(() => broken.jsonSchema(), /6 is more than 5/);
});
