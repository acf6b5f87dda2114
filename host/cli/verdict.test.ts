import assert from "node:assert/strict";
import { test } from "node:test";
import { makeResult } from "../model/model.ts";
import { verdictOf } from "./verdict.ts";

const missing = { field: "command", message: "is required", hint: "set it" };
const odd = { field: "cwd", message: "is not absolute", hint: "" };

test("a verdict does not repeat the one thing that its headline names", () => {
  const message = "invalid config: command is required";
  const { headline, details, hint } = verdictOf(
    makeResult("REJECTED", { message, violations: [missing], hint: "set it" }),
    "shell",
    undefined,
  );
  assert.deepEqual(
    [headline, details, hint],
    ["shell was rejected: invalid config: command is required", [], "set it"],
  );
});

test("a verdict lists all that is wrong with a config", () => {
  const { details } = verdictOf(makeResult("REJECTED", { violations: [missing, odd] }), "shell", undefined);
  assert.deepEqual(details, ["command: is required (set it)", "cwd: is not absolute"]);
});
