import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { StartFailure } from "../failure.ts";
import { findProgram } from "./find-program.ts";

/** `a/tool` may not be run, `b/tool` and `c/tool` may, `d/tool` is a directory. */
function useTools(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "shell-tools-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const directory of ["a", "b", "c"]) {
    mkdirSync(join(root, directory));
    writeFileSync(join(root, directory, "tool"), "#!/bin/sh\n");
    chmodSync(join(root, directory, "tool"), directory === "a" ? 0o644 : 0o755);
  }
  mkdirSync(join(root, "d/tool"), { recursive: true });
  return root;
}

function failureOf(find: () => string): StartFailure {
  try {
    assert.fail(`found ${find()}`);
  } catch (error) {
    assert.ok(error instanceof StartFailure, String(error));
    return error;
  }
}

test("findProgram() takes the first one in the path that may be run", (t) => {
  const root = useTools(t);
  assert.equal(findProgram("tool", `/none:${root}/a:${root}/d:${root}/b:${root}/c`, "/"), `${root}/b/tool`);
});

test("findProgram() takes an empty part of the path for the working directory, as shells do", (t) => {
  const root = useTools(t);
  assert.equal(findProgram("tool", "", `${root}/b`), `${root}/b/tool`);
  assert.equal(findProgram("tool", "/none::", `${root}/c`), `${root}/c/tool`);
});

test("findProgram() takes a name with a slash for a path, relative to the working directory", (t) => {
  const root = useTools(t);
  assert.equal(findProgram("b/tool", `${root}/c`, root), `${root}/b/tool`);
  assert.equal(findProgram(`${root}/c/tool`, "", "/"), `${root}/c/tool`);
});

test("findProgram() says why nothing can be run", (t) => {
  const root = useTools(t);
  assert.equal(failureOf(() => findProgram("tool", `${root}/a:/none`, "/")).code, "NOT_EXECUTABLE");
  assert.match(failureOf(() => findProgram("tool", `${root}/a:/none`, "/")).message, /a\/tool: no permission$/);
  assert.match(failureOf(() => findProgram(`${root}/d/tool`, "", "/")).message, /it is a directory$/);
  assert.equal(failureOf(() => findProgram(`${root}/b/tool/x`, "", "/")).code, "COMMAND_NOT_FOUND");
  assert.equal(failureOf(() => findProgram("none", `${root}/b`, "/")).code, "COMMAND_NOT_FOUND");
  assert.equal(failureOf(() => findProgram("", `${root}/b`, "/")).code, "COMMAND_NOT_FOUND");
});
