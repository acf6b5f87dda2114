import assert from "node:assert/strict";
import { test } from "node:test";
import { timeouts } from "../../timeouts.ts";
import { runTool } from "./run-tool.ts";

test("a program of the system that is not there, fails, or takes too long is told by what is wrong with it", async () => {
  assert.deepEqual(await runTool(["echo", "hello"]), { ok: true, stdout: "hello\n" });
  assert.deepEqual(await runTool(["sh", "-c", "echo first >&2; echo last >&2; exit 1"]), {
    ok: false,
    problem: "last",
  });
  assert.deepEqual(await runTool(["no-such-program"]), {
    ok: false,
    problem: "no-such-program is not installed",
    hint: "install util-linux",
  });
  assert.deepEqual(await runTool(["sleep", "1000"]), {
    ok: false,
    problem: `sleep did not end within ${timeouts.quickCallMs} ms`,
    hint: "the machine may have too much to do: try again",
  });
});
