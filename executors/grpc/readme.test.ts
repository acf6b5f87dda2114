import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { failureCodes } from "./failure.ts";

const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");

test("the README names every code of a failure, and no other", () => {
  const table = readme.slice(readme.indexOf("`code` of a failure"), readme.indexOf("## Trying again"));
  const named = [...table.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => code);
  assert.deepEqual(new Set(named), new Set(Object.keys(failureCodes)));
});

test("the README's jobs are valid", () => {
  const jobs = [...readme.matchAll(/```json\n([^]*?)```/g)].map(([, text = ""]) => text);
  assert.ok(jobs.length > 0);
  for (const job of jobs) {
    const parsed = config.parse(JSON.parse(job) as Record<string, string>);
    assert.deepEqual(parsed.violations, undefined, job);
    assert.deepEqual(parsed.value && check(parsed.value), [], job);
  }
});
