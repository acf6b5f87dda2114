import assert from "node:assert/strict";
import test from "node:test";
import { checkConfig } from "./check.ts";
import { config } from "./config.ts";

function fieldsRefused(keys: Readonly<Record<string, string>>): string[] {
  const { value, violations } = config.parse(keys);
  assert.ok(value !== undefined, JSON.stringify(violations));
  const found = checkConfig(value);
  for (const { field, message, hint } of found) assert.ok(message !== "" && hint !== "", field);
  return found.map(({ field }) => field);
}

const right: readonly Readonly<Record<string, string>>[] = [
  { command: "true" },
  { command: "a b", args: "[]" },
  { command: "a; b", args: "[]" },
  { shell: "true" },
  { shell: "true", command: "" },
  { shell: "true", command: "a && b", args: '["x"]' },
  { script: "a && b" },
  { script: "x", command: "" },
  { script: "x", interpreter: "python3 -u", args: '["a"]' },
  { command: "true", su: "", cwd: "", user: "", stdin_file: "" },
  { command: "true", user: "a", group: "b" },
  { command: "true", success_codes: "0-9", retry_codes: "10" },
  { command: "true", isolation: "pid-namespace" },
];
for (const keys of right)
  test(`checkConfig() takes ${JSON.stringify(keys)}`, () => assert.deepEqual(fieldsRefused(keys), []));

const wrong: readonly [keys: Readonly<Record<string, string>>, field: string][] = [
  [{}, "command"],
  [{ command: "" }, "command"],
  [{ command: "  " }, "command"],
  [{ command: "", args: '["a"]' }, "command"],
  [{ command: "a > b" }, "command"],
  [{ command: "echo 'a" }, "command"],
  [{ command: "a\0b", args: "[]" }, "command"],
  [{ command: "a", args: '["b\\u0000"]' }, "args[0]"],
  [{ command: "a", script: "b" }, "script"],
  [{ shell: "true", script: "b" }, "shell"],
  [{ command: "a", interpreter: "sh" }, "interpreter"],
  [{ command: "a", cwd: "b" }, "cwd"],
  [{ command: "a", cwd: "~/b" }, "cwd"],
  [{ command: "a", stdin_file: "b" }, "stdin_file"],
  [{ command: "a", env_file: "/a,b" }, "env_file"],
  [{ command: "a", env: '{"A=B":"c"}' }, "env"],
  [{ command: "a", env: '{"":"c"}' }, "env"],
  [{ command: "a", env: '{"A":"\\u0000"}' }, "env.A"],
  [{ command: "a", env: "EXECUTOR_HOST_JOB=x" }, "env"],
  [{ command: "a", writable_paths: "/tmp" }, "writable_paths"],
  [{ command: "a", read_only: "true", writable_paths: "tmp" }, "writable_paths"],
  [{ command: "a", env: "EXECUTOR_HOST_TAG=x" }, "env"],
  [{ command: "a", payload: "YQ==", stdin_file: "/b" }, "stdin_file"],
  [{ command: "a", su: "b", user: "c" }, "su"],
  [{ command: "a", su: "b", group: "c" }, "su"],
  [{ command: "a", success_codes: "0-5", retry_codes: "5" }, "retry_codes"],
  [{ command: "a", skip_codes: "99", permanent_codes: "90-100" }, "permanent_codes"],
  [{ command: "a", skip_codes: "0" }, "skip_codes"],
  [{ command: "a", isolation: "pid-namespace", background: "keep" }, "background"],
];
for (const [keys, field] of wrong) {
  test(`checkConfig() refuses ${field} in ${JSON.stringify(keys)}`, () =>
    assert.deepEqual(fieldsRefused(keys), [field]));
}

test("every key has a sentence for people, and examples that can be read", () => {
  const { properties } = config.jsonSchema() as { properties: Record<string, { description: string }> };
  for (const [key, { description }] of Object.entries(properties)) assert.match(description, /^[A-Z].*[.]$/s, key);
});
