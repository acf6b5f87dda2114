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
  const table = readme.slice(readme.indexOf("`code` of a failure"), readme.indexOf("## Trying again"));
  const named = [...table.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code]) => code);
  assert.deepEqual(new Set(named), new Set(Object.keys(failureCodes)));
});

test("the README's job is valid", () => {
  const parsed = config.parse(JSON.parse(examples[0] ?? "") as Record<string, string>);
  assert.deepEqual(parsed.violations, undefined);
  assert.ok(parsed.value);
  assert.deepEqual(check(parsed.value), []);
});

test("the README's poll is valid", () => {
  const parsed = config.parse({ method: "POST", url: "https://a.test", poll: examples[1] ?? "" });
  assert.equal(parsed.violations, undefined);
  assert.equal(parsed.value?.poll?.timeout, 7_200_000);
});
