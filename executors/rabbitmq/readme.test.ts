import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { failureCodes } from "./failure.ts";

const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");

test("the README names every code of a failure, and no other", () => {
  const table = readme.slice(readme.indexOf("`code` of a failure"));
  const named = [...table.matchAll(/`([A-Z0-9_]{4,})`/g)].map(([, code]) => code);
  assert.deepEqual(new Set(named), new Set(Object.keys(failureCodes)));
});

test("the README's jobs are valid", () => {
  const examples = [...readme.matchAll(/```json\n([^]*?)```/g)].map(([, text = ""]) => text);
  assert.ok(examples.length > 0);
  for (const example of examples) {
    const { value, violations } = config.parse(JSON.parse(example) as Record<string, string>);
    assert.deepEqual(violations, undefined);
    assert.ok(value);
    assert.deepEqual(check(value), []);
  }
});
