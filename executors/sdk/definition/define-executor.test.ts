import assert from "node:assert/strict";
import { test } from "node:test";
import { defineConfig } from "../config/define-config.ts";
import { defineExecutor, type ExecutorDefinition } from "./define-executor.ts";

const good: ExecutorDefinition<object> = {
  name: "my-executor_2",
  version: "1.2.3-rc.1",
  summary: "Does nothing",
  config: defineConfig({}),
  capabilities: { cancel: true, maxConcurrentExecutions: 4 },
  execute: async () => ({ outcome: "SUCCEEDED" }),
};

const refusals: readonly [what: string, change: Partial<ExecutorDefinition<object>>, message: RegExp][] = [
  ["a name in capitals", { name: "Shell" }, /^TypeError: executor name must be .*: "Shell"$/],
  ["a version that is not semver", { version: "1.0" }, /^TypeError: version of executor .* must be semver: "1\.0"$/],
  [
    "a limit below zero",
    { capabilities: { cancel: true, maxConcurrentExecutions: -1 } },
    /must be a whole number >= 0: -1$/,
  ],
];

test("defineExecutor() gives a definition back as it is", () => {
  assert.equal(defineExecutor(good), good);
});

for (const [what, change, message] of refusals) {
  test(`defineExecutor() refuses ${what}`, () => {
    assert.throws(() => defineExecutor({ ...good, ...change }), message);
  });
}
