import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "../../host/cli/fixtures/run-cli.ts";
import type { ConformanceReport } from "../../host/conformance/conformance.ts";
import { guard } from "../support/guard.ts";
import { PluginsDir } from "../support/plugins.ts";
import { TempDir } from "../support/temp-dir.ts";

test("conformance tells people what was tried, what failed, and what would be right", guard, async () => {
  await using dir = await TempDir.create();
  const plugins = await PluginsDir.create(dir.path);
  const path = await plugins.fixture("echo", "other-name");
  const { code, stdout, stderr } = await runCli(["conformance", path, "--only", "describe"], {});
  assert.deepEqual([code, stderr], [1, ""]);
  const lines = stdout.split("\n");
  assert.equal(lines[1], "Describe");
  assert.match(lines[2] ?? "", /^ {2}✔ Can be launched .* {2}describe\.answers$/);
  const at = lines.findIndex((line) => line.endsWith("describe.name"));
  assert.deepEqual(lines.slice(at, at + 3), [
    "  ✖ Has a name that fits its file  describe.name",
    "      the name is echo, the file dkron-executor-other-name",
    "      hint: call the file dkron-executor-echo",
  ]);
  assert.match(lines.at(-2) ?? "", /^echo 1\.2\.3 speaks the native contract .*does not conform: \d+ passed, 1 failed/);
});

test("conformance tells programs in one object, with the same exit code", guard, async () => {
  await using dir = await TempDir.create();
  const plugins = await PluginsDir.create(dir.path);
  const path = await plugins.fixture("echo");
  const words = ["--only", "execute", "--config", "text=hi", "--timeout", "30s", "--json"];
  const { code, stdout } = await runCli(["conformance", path, ...words], {});
  const { ok, name, counts, results } = JSON.parse(stdout) as ConformanceReport;
  assert.deepEqual([code, ok, name, counts.failed], [0, true, "echo", 0]);
  assert.ok(
    results.every(({ group, id, title, why }) => group === "execute" && id !== "" && title !== "" && why !== ""),
  );
});

test("conformance refuses what it cannot make sense of", guard, async () => {
  await using dir = await TempDir.create();
  const path = await (await PluginsDir.create(dir.path)).fixture("echo");
  const cases: readonly (readonly [words: readonly string[], complaint: RegExp])[] = [
    [["nowhere"], /cannot run nowhere/],
    [[path, "--only", "describ"], /hint: did you mean describe\?/],
    [[path, "--config", "text"], /not a config: text/],
    [[path, "--config", "a=1", "--config-file", "x.json"], /cannot go together/],
  ];
  for (const [words, complaint] of cases) {
    const { code, stderr } = await runCli(["conformance", ...words], {});
    assert.equal(code, 64);
    assert.match(stderr, complaint);
  }
});
