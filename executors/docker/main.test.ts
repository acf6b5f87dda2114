import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { launchExecutor, launchForDkron } from "@executor-host/sdk/testing";

const guard = { timeout: 120_000 };
const main = join(import.meta.dirname, "main.ts");
const nowhere = { image: "alpine:3", endpoint: "unix:///nowhere/docker.sock" };

test("the executor serves a host by the native contract", guard, async () => {
  await using executor = await launchExecutor(main);
  const { name, capabilities, configSchema } = await executor.describe();
  assert.equal(name, "docker");
  assert.deepEqual([capabilities.cancel, capabilities.probe, capabilities.idempotent], [true, true, true]);
  const { properties, required } = configSchema as {
    properties: Record<string, { writeOnly?: boolean }>;
    required: string[];
  };
  assert.deepEqual(required, ["image"]);
  for (const key of ["registry_auth", "tls_certificate_key", "files"]) {
    assert.equal(properties[key]?.writeOnly, true, `${key} is a secret`);
  }
  assert.deepEqual(await executor.validate({ image: "Alpine", privileged: "yes" }), [
    {
      field: "image",
      message: '"Alpine" is not a name of an image',
      hint: "write NAME, NAME:TAG or NAME@sha256:DIGEST, with the registry in front",
    },
    { field: "privileged", message: '"yes" is not true or false', hint: "write true or false" },
  ]);
  const { report } = await executor.execute(nowhere);
  assert.equal(report.code, "ENGINE_UNREACHABLE");
});

test("the executor serves Dkron by its own contract", guard, async () => {
  await using executor = await launchForDkron(main);
  const { error } = await executor.execute(nowhere);
  assert.match(error, /^unix:\/\/\/nowhere\/docker\.sock cannot be reached/);
});
