import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { assertExecutorName, writeProject } from "./project.ts";
import type { TemplateFile } from "./templates.ts";

const files: readonly TemplateFile[] = [
  { path: "build", isExecutable: true, text: "make dkron-executor-checksum\n" },
  { path: "src/checksum/main.c", isExecutable: false, text: 'name("checksum");' },
  { path: "deps.lock", isExecutable: false, text: 'name = "dkron-executor-checksum"\nchecksum = "12ab"\n' },
  { path: "vendor/sdk.tgz", isExecutable: false, base64: "AP8=" },
];

test("a project has the executor's name wherever the template has its own", async (t) => {
  const directory = join(await scratch(t), "deep/project");
  const paths = await writeProject(files, "greet", directory);
  assert.deepEqual(paths, ["build", "src/greet/main.c", "deps.lock", "vendor/sdk.tgz"]);
  const read = (path: string) => readFile(join(directory, path), "utf8");
  assert.equal(await read("build"), "make dkron-executor-greet\n");
  assert.equal(await read("src/greet/main.c"), 'name("greet");');
  assert.equal(
    await read("deps.lock"),
    'name = "dkron-executor-greet"\nchecksum = "12ab"\n',
    "not where it means a sum",
  );
  assert.deepEqual([...(await readFile(join(directory, "vendor/sdk.tgz")))], [0, 255]);
  const modes = await Promise.all(
    [".", "build", "deps.lock"].map(async (path) => (await stat(join(directory, path))).mode),
  );
  assert.deepEqual(
    modes.map((mode) => (mode & 0o111) !== 0),
    [true, true, false],
  );
});

test("a project takes the place of an empty directory, and of nothing else", async (t) => {
  const directory = await scratch(t);
  await mkdir(join(directory, "empty"));
  await writeProject(files, "greet", join(directory, "empty"));
  await writeFile(join(directory, "file"), "precious");
  for (const name of ["empty", "file"]) {
    await assert.rejects(writeProject(files, "greet", join(directory, name)), {
      code: "SPEC_INVALID",
      message: /is there already$/,
    });
  }
  assert.equal(await readFile(join(directory, "file"), "utf8"), "precious");
});

test("a project that cannot be written leaves nothing", async (t) => {
  const directory = await scratch(t);
  const broken: readonly TemplateFile[] = [
    { path: "a", isExecutable: false, text: "" },
    { path: "a/b", isExecutable: false, text: "" },
  ];
  await assert.rejects(writeProject(broken, "greet", join(directory, "project")), {
    code: "SPEC_INVALID",
    message: /^cannot write /,
  });
  assert.deepEqual(await readdir(directory), []);
});

test("names are those that jobs can write", () => {
  for (const name of ["a", "7-seas_x", "resize-image"]) assertExecutorName(name);
  const wrong = [
    ["Resize Image", "resize-image"],
    ["dkron-executor-Greet!", "greet"],
    ["_x", "x"],
    ["../x", "x"],
  ] as const;
  for (const [name, near] of wrong) {
    assert.throws(() => assertExecutorName(name), {
      code: "SPEC_INVALID",
      hint: `write lower-case letters, digits, "_" and "-", such as ${near}`,
    });
  }
  assert.throws(() => assertExecutorName("鍵"), { hint: 'write lower-case letters, digits, "_" and "-"' });
  assert.throws(() => assertExecutorName("x".repeat(65)), { message: /65 characters/ });
});

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "scaffold-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  return directory;
}
