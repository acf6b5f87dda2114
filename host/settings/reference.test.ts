import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSettings } from "./settings.ts";
import { defaultOf, renderSettingsReference } from "./reference.ts";
import { flagOf, settingRows, variableOf } from "./table.ts";

test("the reference has a row with flag, variable and default for every setting", () => {
  const reference = renderSettingsReference();
  for (const row of settingRows) {
    const line = reference.split("\n").find((text) => text.startsWith(`| \`${row.key}\``));
    assert.ok(line !== undefined, row.key);
    assert.ok(line.includes(`\`${flagOf(row)}\``) && line.includes(`\`${variableOf(row)}\``), line);
    assert.equal(line.split(/(?<!\\)\|/).length, 8, line);
  }
});

test("keys, flags and variables are unique", () => {
  for (const name of [(row: (typeof settingRows)[number]) => row.key, flagOf, variableOf]) {
    assert.equal(new Set(settingRows.map(name)).size, settingRows.length);
  }
});

test("a default, as it is printed, is accepted as a value and means the same", () => {
  const plain = settingRows.filter((row) => row.defaultText === undefined);
  const env = Object.fromEntries(plain.map((row) => [variableOf(row), defaultOf(row)]));
  const load = (variables: Record<string, string>) =>
    loadSettings({
      flags: {},
      env: variables,
      installDir: "/nowhere",
      surroundings: { isRoot: true, systemDir: "/nowhere", homeDir: "/nowhere" },
    }).settings;
  assert.deepEqual(load(env), load({}));
});
