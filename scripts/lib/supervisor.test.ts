import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { buildSupervisor, supervisorPath } from "./supervisor.ts";

function useDist(t: TestContext): string {
  const dist = mkdtempSync(join(tmpdir(), "build-"));
  t.after(() => rmSync(dist, { recursive: true }));
  return dist;
}

test("the supervisor compiles without a warning, and is no program to run by hand", async (t) => {
  const dist = useDist(t);
  const problem = await buildSupervisor(dist, { extraFlags: ["-Werror"] });
  if (problem?.includes("no C compiler") && process.env["CI"] !== "true") return t.skip(problem);
  assert.equal(problem, undefined);
  const { status, stderr } = spawnSync(join(dist, supervisorPath), { encoding: "utf8" });
  assert.equal(status, 64);
  assert.match(stderr, /part of the shell executor/);
});

for (const [name, compiler, words] of [
  ["no compiler", "no-such-compiler", /no C compiler no-such-compiler/],
  ["a compiler that fails", "false", /false/],
] as const) {
  test(`with ${name} there is no supervisor, also not an older one`, async (t) => {
    const dist = useDist(t);
    const path = join(dist, supervisorPath);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "older");
    assert.match((await buildSupervisor(dist, { compiler })) ?? "", words);
    assert.deepEqual(readdirSync(dirname(path)), []);
  });
}
