import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig } from "./check.ts";
import { config } from "./config.ts";
import { startFailureCodes } from "./failure.ts";
import { verdictCodes } from "./job/report.ts";
import { useShell } from "./test/support/use-shell.ts";

const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");
const examples = [...readme.matchAll(/```json\n([^]*?)```/g)].map(
  ([, text = ""]) => JSON.parse(text) as Record<string, string>,
);

test("the README names every code of a failure, and no other", () => {
  const table = readme.slice(readme.indexOf("`code` of a failure"));
  const named = [...table.matchAll(/`([A-Z0-9_]{4,})`/g)].map(([, code]) => code);
  assert.deepEqual(new Set(named), new Set([...Object.keys(startFailureCodes), ...verdictCodes]));
});

test("the README's jobs are valid", () => {
  assert.equal(examples.length, 3);
  for (const example of examples) {
    const { value, violations } = config.parse(example);
    assert.deepEqual(violations, undefined);
    assert.ok(value);
    assert.deepEqual(checkConfig(value), []);
  }
});

test("the README's script gives named outputs", async (t) => {
  const { report } = await useShell(t).run(examples[2] ?? {});
  assert.equal(report.outcome, "SUCCEEDED", report.message);
  assert.deepEqual(report.evidence?.["outputs"], { rows: "42" });
});
