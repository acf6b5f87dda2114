import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { check } from "./check.ts";
import { config } from "./config.ts";
import { failureCodes } from "./failure.ts";
import { parsePolicy } from "./policy/policy.ts";

const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");
const examples = [...readme.matchAll(/```json\n([^]*?)```/g)].map(([, text = ""]) => text);

test("the README names every code of a failure, and no other", () => {
  const table = readme.slice(readme.indexOf("`code` of a failure"), readme.indexOf("## What was verified"));
  const named = [...table.matchAll(/^\|.*?\|/gm)].flatMap(([cell]) => [...cell.matchAll(/`([A-Z0-9_]+)`/g)]);
  const ends = ["EXIT_STATUS", "KILLED_BY_SIGNAL", "MEMORY_LIMIT", "TIMEOUT", "CANCELLED"];
  assert.deepEqual(new Set(named.map(([, code]) => code)), new Set([...ends, ...Object.keys(failureCodes)]));
});

test("the README's job is valid", () => {
  const parsed = config.parse(JSON.parse(examples[0] ?? "") as Record<string, string>);
  assert.equal(parsed.violations, undefined);
  assert.ok(parsed.value);
  assert.deepEqual(check(parsed.value, parsePolicy("{}", "")), []);
});

test("the README's policy is valid", () => {
  assert.equal(parsePolicy(examples[1] ?? "", "README.md").problem, undefined);
});

test("a policy that is wrong allows nothing, and says what is wrong", () => {
  const { value } = config.parse({ image: "alpine" });
  assert.ok(value);
  const [violation, ...others] = check(value, parsePolicy('{"netwroks":["host"]}', "/etc/docker.json"));
  assert.deepEqual(others, []);
  assert.equal(violation?.field, "policy");
  assert.match(violation?.message ?? "", /\/etc\/docker\.json.*netwroks is not a known key/);
});
