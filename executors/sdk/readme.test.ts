import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { launchExecutor, launchForDkron } from "./testing/index.ts";

test("the first executor of the README runs under both hosts", { timeout: 60_000 }, async (context) => {
  const readme = await readFile(join(import.meta.dirname, "README.md"), "utf8");
  const source = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  assert.match(source, /serve\(hello\)/);
  // Inside the workspace, so that it finds this package.
  const parent = join(import.meta.dirname, "dist");
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, "readme-"));
  context.after(() => rm(directory, { recursive: true }));
  const main = join(directory, "main.ts");
  await writeFile(main, source);

  await using executor = await launchExecutor(main);
  assert.deepEqual(await executor.validate({ nmae: "x" }), [
    { field: "nmae", message: "is not a known key", hint: "did you mean name?" },
  ]);
  const { stdout } = await executor.execute({ name: "you" });
  assert.equal(stdout.toString(), "hello you\n");
  await using underDkron = await launchForDkron(main);
  const { output, error } = await underDkron.execute({});
  assert.deepEqual([output.toString(), error], ["hello world\n", ""]);
});
