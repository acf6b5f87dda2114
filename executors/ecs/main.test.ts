import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";

import { ScriptedTask } from "./testing/scripted-task.ts";

const guard = { timeout: 120_000 };
const main = join(import.meta.dirname, "main.ts");

test("the executor serves a host by the native contract", guard, async () => {
  await using task = await ScriptedTask.start({});
  await using executor = await launchExecutor(main);
  const { name, capabilities, configSchema } = await executor.describe();
  assert.equal(name, "ecs");
  assert.deepEqual([capabilities.cancel, capabilities.probe, capabilities.idempotent], [true, true, true]);
  const { properties } = configSchema as { properties: Record<string, { writeOnly?: boolean }> };
  for (const key of ["secret_access_key", "session_token"]) {
    assert.equal(properties[key]?.writeOnly, true, `${key} is a secret`);
  }
  assert.deepEqual(await executor.validate({ fargate: "yes", enableExecuteCommand: "perhaps" }), [
    { field: "enableExecuteCommand", message: '"perhaps" is not yes or no', hint: "write yes or no" },
  ]);
  assert.deepEqual(
    (await executor.validate({ fargate: "yes", securityGroup: "sg-1" })).map(({ field }) => field),
    ["taskdefName", "subnet", "securityGroup"],
  );
  const { report } = await executor.execute(task.config({ logs: "false" }));
  assert.equal(report.outcome, "SUCCEEDED", report.message);
});

test("the executor serves Dkron by its own contract", guard, async () => {
  await using task = await ScriptedTask.start({
    GetLogEvents: ({ nextToken }) => ({
      events: nextToken === undefined ? [{ message: "a line" }] : [],
      nextForwardToken: "f/1",
    }),
  });
  await using executor = await launchForDkron(main);
  const { error, output } = await executor.execute(task.config({ maxAttempts: "600" }));
  assert.equal(error, "");
  assert.equal(output.toString(), "a line\n");
});
