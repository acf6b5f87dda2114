import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../host/cli/fixtures/run-cli.ts";
import { languages } from "../../host/scaffold/languages.ts";
import { loadTemplates } from "../../host/scaffold/templates.ts";
import { guard } from "../support/guard.ts";
import { TempDir } from "../support/temp-dir.ts";

const root = join(import.meta.dirname, "../..");

test("new tells what it made and what to do next", guard, async () => {
  await using dir = await TempDir.create();
  const directory = dir.join("my project");
  const { code, stdout, stderr } = await runCli(["new", "greet", "--lang", "Golang", "--dir", directory], {});
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.split("\n");
  assert.match(lines[0] ?? "", /my project: an executor in Go, \d+ files$/);
  assert.equal(lines[1], `  cd '${directory}'`);
  assert.match(await readFile(join(directory, "main.go"), "utf8"), /Name: +"greet"/);
});

test("new tells programs which files it wrote", guard, async () => {
  await using dir = await TempDir.create();
  const directory = dir.join("greet");
  const { stdout } = await runCli(["new", "greet", "--lang", "py", "--dir", directory, "--json"], {});
  const { files, ...rest } = JSON.parse(stdout) as { readonly files: readonly string[] };
  assert.deepEqual(rest, { name: "greet", language: "python", directory });
  assert.ok(files.includes("proto/executor/v1/executor.proto") && files.includes("check"));
});

test("new refuses what it cannot make sense of", guard, async () => {
  await using dir = await TempDir.create();
  const cases: readonly (readonly [words: readonly string[], complaint: RegExp])[] = [
    [["Greet", "--lang", "go"], /not a name for an executor: "Greet"\nhint: .*such as greet$/m],
    [["greet"], /required option '--lang/],
    [["greet", "--lang", "pyton"], /hint: did you mean 'python'$/m],
    [["greet", "--lang", "cobol"], /hint: write one of go, python, rust, java, typescript$/m],
    [["greet", "--lang", "go", "--dir", root], /is there already\nhint: name another directory with --dir$/m],
    [["greet", "--lang", "go", "--dir", "/proc/nowhere/x"], /cannot write \/proc\/nowhere\/x: /],
  ];
  for (const [words, complaint] of cases) {
    const { code, stderr } = await runCli(["new", ...words], { env: { HOME: dir.path } });
    assert.match(stderr, complaint);
    assert.notEqual(code, 0);
  }
});

test("there is a template in every language, with nothing that a build has left", guard, async () => {
  const templates = await loadTemplates(join(root, "dist"));
  assert.deepEqual(
    Object.keys(templates),
    languages.map(({ name }) => name),
  );
  for (const [language, files] of Object.entries(templates)) {
    const paths = files.map(({ path }) => path);
    for (const path of ["README.md", "build", "check", ".gitignore"])
      assert.ok(paths.includes(path), `${language}: ${path}`);
    const odd = paths.filter((path) => /^(dist|gen|target|node_modules|\.venv)\//.test(path));
    assert.deepEqual(odd, [], language);
  }
});

test("the project in TypeScript requires the versions that this checkout has", async () => {
  const read = async (path: string) =>
    JSON.parse(await readFile(join(root, path), "utf8")) as { readonly devDependencies: Record<string, string> };
  const ours = (await read("package.json")).devDependencies;
  const theirs = (await read("executors/examples/typescript/package.json")).devDependencies;
  for (const [name, version] of Object.entries(theirs)) assert.equal(version, ours[name], name);
});
