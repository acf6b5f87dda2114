import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { collect } from "../support/collect.ts";
import { TestHost } from "../support/test-host.ts";

const eras = ["types.v1", "types", "dkron"] as const;
const guard = { timeout: 60_000 };
const fixture = join(import.meta.dirname, "../fixtures/dkron-executor.ts");

let host: TestHost;

before(async () => {
  host = await TestHost.start();
  for (const era of eras) {
    await host.plugins.script(era.replace(".", "-"), `#!/bin/sh\nexec '${process.execPath}' '${fixture}' ${era}\n`);
  }
}, guard);
after(() => host[Symbol.asyncDispose](), guard);

async function run(request: ExecutionRequest) {
  const { result, stdout, stderr } = await collect(host.client.execute(request));
  return { result, stdout: stdout.toString(), stderr: stderr.toString() };
}

for (const era of eras) {
  const executor = era.replace(".", "-");
  const streams = era !== "dkron";

  test(`an executor that serves ${era} runs, with its output`, guard, async () => {
    const { result, stdout, stderr } = await run({ executor, config: {}, jobName: "nightly" });
    assert.equal(result.outcome, "SUCCEEDED");
    assert.equal(stdout, streams ? "out\nremark" : "job nightly\n");
    assert.equal(stderr, streams ? "err\n" : "");
  });

  test(`the error of an executor that serves ${era} is the message of a failed result`, guard, async () => {
    const { result } = await run({ executor, config: { fail: "exit status 3" } });
    assert.equal(result.outcome, "FAILED");
    assert.equal(result.message, "exit status 3");
  });
}

test("a job of Dkron's contract is stopped by ending its process, and no neighbour notices", guard, async () => {
  const executor = "types-v1";
  const [stopped, neighbour] = await Promise.all([
    run({ executor, config: { hang: "1" }, limits: { attemptTimeoutMs: 500, graceMs: 1_000 } }),
    run({ executor, config: {} }),
  ]);
  assert.equal(stopped.result.outcome, "TIMED_OUT");
  assert.equal(stopped.result.stop?.steps[0]?.action, "executor-shutdown");
  assert.equal(stopped.stdout, "out\n");
  assert.equal(neighbour.result.outcome, "SUCCEEDED");
  assert.equal((await run({ executor, config: {} })).result.outcome, "SUCCEEDED");
});

test("an executor of Dkron's contract has no probe", guard, async () => {
  await assert.rejects(host.client.probe("types", {}), { code: "NOT_SUPPORTED" });
});
