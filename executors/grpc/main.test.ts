import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";

const guard = { timeout: 120_000 };
const main = join(import.meta.dirname, "main.ts");

test("the executor serves a host by the native contract", guard, async () => {
  await using executor = await launchExecutor(main);
  const { name, capabilities, configSchema } = await executor.describe();
  assert.equal(name, "grpc");
  assert.deepEqual([capabilities.cancel, capabilities.probe], [true, true]);
  const { properties } = configSchema as { properties: Record<string, { writeOnly?: boolean }> };
  const secrets = Object.keys(properties).filter((key) => properties[key]?.writeOnly);
  assert.deepEqual(secrets.toSorted(), ["headers", "tls_certificate_key", "tls_key_passphrase", "token"]);
  const { report } = await executor.execute({ url: "127.0.0.1:1/a.B/C" });
  assert.deepEqual([report.outcome, report.code], ["FAILED", "CONNECTION_REFUSED"]);
  assert.equal((await executor.probe({ url: "127.0.0.1:1/a.B/C" })).ok, false);
});

test("the executor serves Dkron by its own contract", guard, async () => {
  await using executor = await launchForDkron(main);
  const { error } = await executor.execute({ url: "127.0.0.1:1/a.B/C", timeout: "5", unknown: "x" });
  assert.equal(error, "cannot connect to 127.0.0.1:1: connection refused");
});
