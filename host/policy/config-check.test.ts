import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecutorDescription } from "../model/model.ts";
import { ConfigChecks } from "./config-check.ts";

const schema = {
  type: "object",
  additionalProperties: false,
  required: ["url"],
  properties: {
    url: { type: "string", description: "where to" },
    retries: { type: "integer", minimum: 0, maximum: 5 },
    mode: { type: "string", enum: ["fast", "safe"] },
    password: { type: "string", writeOnly: true, minLength: 4 },
    auth: { type: "object", properties: { user: { type: "string" }, token: { type: "string", writeOnly: true } } },
    headers: { type: "array", items: { type: "string" } },
  },
};

const description: ExecutorDescription = {
  name: "test",
  version: "1.0.0",
  summary: "",
  configSchema: JSON.stringify(schema),
  capabilities: {
    cancel: true,
    attach: false,
    probe: false,
    idempotent: false,
    maxConcurrentExecutions: 0,
    heartbeat: false,
    setDeadline: false,
  },
};

const checks = new ConfigChecks();

const rows: [string, Record<string, string>, string, RegExp][] = [
  ["an unknown key", { url: "x", retrys: "1" }, "retrys", /unknown key/],
  ["a missing key", {}, "url", /is required/],
  ["a number out of range", { url: "x", retries: "6" }, "retries", /must be <= 5: 6/],
  ["text for a number", { url: "x", retries: "many" }, "retries", /not a whole number/],
  ["a choice that is none", { url: "x", mode: "slow" }, "mode", /not one of the choices: "slow"/],
  ["broken JSON", { url: "x", headers: "[" }, "headers", /not JSON/],
  ["a wrong item", { url: "x", headers: '["a", 1]' }, "headers[1]", /must be string: 1/],
];

for (const [title, config, field, message] of rows) {
  test(`${title} is refused by the name of its field`, async () => {
    const violations = (await checks.of(description)).violations(config);
    assert.equal(violations.length, 1);
    assert.equal(violations[0]!.field, field);
    assert.match(violations[0]!.message, message);
  });
}

test("a misspelt key comes with the key that was meant", async () => {
  const [violation] = (await checks.of(description)).violations({ url: "x", retrys: "1" });
  assert.match(violation!.hint, /did you mean "retries"/);
});

test("a bad secret is refused without showing it", async () => {
  const [violation] = (await checks.of(description)).violations({ url: "x", password: "abc" });
  assert.equal(violation!.field, "password");
  assert.ok(!JSON.stringify(violation).includes("abc"));
});

test("a config is masked where the schema says secret, also inside JSON", async () => {
  const config = { url: "x", password: "hunter22", auth: '{"user":"me","token":"t0p"}' };
  assert.deepEqual((await checks.of(description)).masked(config), {
    url: "x",
    password: "***",
    auth: '{"user":"me","token":"***"}',
  });
});

test("a value that cannot be read is masked whole when it may hold a secret", async () => {
  assert.deepEqual((await checks.of(description)).masked({ auth: '{"token": "t0p' }), { auth: "***" });
});

test("an executor without a schema takes any config", async () => {
  const legacy = { ...description, configSchema: "" };
  assert.deepEqual((await checks.of(legacy)).violations({ anything: "goes" }), []);
  assert.deepEqual((await checks.of(legacy)).masked({ anything: "goes" }), { anything: "goes" });
});
