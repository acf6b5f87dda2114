import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { failureCodes } from "./failure.ts";

const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");
const examples = [...readme.matchAll(/```json\n([^]*?)```/g)].map(([, text = ""]) => text);

test("the README names every code of a failure, and no other", () => {
  const table = readme.slice(readme.indexOf("`code` of a failure"), readme.indexOf("## What was verified"));
  const named = [...table.matchAll(/^\|.*?\|/gm)].flatMap(([cell]) => [...cell.matchAll(/`([A-Z0-9_]+)`/g)]);
  assert.deepEqual(new Set(named.map(([, code]) => code)), new Set(Object.keys(failureCodes)));
});

test("the README's job is valid", () => {
  const parsed = config.parse(JSON.parse(examples[0] ?? "") as Record<string, string>);
  assert.equal(parsed.violations, undefined);
  assert.ok(parsed.value);
  assert.deepEqual(check(parsed.value), []);
});
