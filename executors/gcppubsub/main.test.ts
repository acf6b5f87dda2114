import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";

const guard = { timeout: 120_000 };
const main = join(import.meta.dirname, "main.ts");
const job = { project: "acme", topic: "ticks", data: "aGk=" };

test("the executor serves a host by the native contract", guard, async () => {
  await using executor = await launchExecutor(main);
  const { name, capabilities, configSchema } = await executor.describe();
  assert.equal(name, "gcppubsub");
  assert.deepEqual([capabilities.cancel, capabilities.probe], [true, true]);
  const { properties } = configSchema as { properties: Record<string, { writeOnly?: boolean }> };
  const secrets = Object.keys(properties).filter((key) => properties[key]?.writeOnly);
  assert.deepEqual(secrets, ["credentials"]);
  const { report } = await executor.execute({ ...job, emulator: "127.0.0.1:1", retry_attempts: "1" });
  assert.deepEqual([report.outcome, report.code], ["FAILED", "CONNECTION_REFUSED"]);
});

test("the executor serves Dkron by its own contract, and takes the emulator from its environment", guard, async () => {
  const env = { PATH: process.env["PATH"] ?? "", PUBSUB_EMULATOR_HOST: "127.0.0.1:1" };
  await using executor = await launchForDkron(main, { env });
  const { error } = await executor.execute({ ...job, retry_attempts: "1" });
  assert.equal(error, "cannot connect to 127.0.0.1:1: connection refused");
});
