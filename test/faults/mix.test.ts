import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { ExecutionRequest } from "../../host/client/types.ts";
import type { Outcome } from "../../host/model/model.ts";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

const count = 120;

interface Kind {
  readonly request: ExecutionRequest;
  readonly isCancelled: boolean;
  readonly outcomes: readonly Outcome[];
}

test("everything at once: each execution gets the one end that is its own, and nothing is left", guard, async () => {
  await using host = await TestHost.start({
    executors: ["noop", "echo", "failing", "crasher", "sleeper", "gate", "exclusive", "flood", "deaf"],
    settings: { maxConcurrentExecutions: 12, maxConcurrentPerExecutor: 5 },
    timeouts: { abandonMs: 300, quarantineMs: 1_000 },
  });
  const file = host.path("open");
  writeFileSync(file, "");
  const quick = { maxAttempts: 3, initialBackoffMs: 5, maxBackoffMs: 10 };
  const grace = { graceMs: 300 };
  const kinds: readonly Kind[] = [
    { request: { executor: "noop" }, isCancelled: false, outcomes: ["SUCCEEDED"] },
    { request: { executor: "echo", config: { text: "x" } }, isCancelled: false, outcomes: ["SUCCEEDED"] },
    { request: { executor: "echo", config: { exitCode: "3" } }, isCancelled: false, outcomes: ["FAILED"] },
    {
      request: { executor: "failing", config: { kind: "retryable", succeedAt: "3" }, retry: quick },
      isCancelled: false,
      outcomes: ["SUCCEEDED"],
    },
    // Neighbours die with it; only those that asked for it try again.
    {
      request: { executor: "crasher", config: { when: "after-start" } },
      isCancelled: false,
      outcomes: ["EXECUTOR_CRASHED"],
    },
    {
      request: { executor: "crasher", config: { when: "before-start" }, retry: quick },
      isCancelled: false,
      outcomes: ["EXECUTOR_CRASHED"],
    },
    { request: { executor: "sleeper", limits: grace }, isCancelled: true, outcomes: ["CANCELLED"] },
    {
      request: { executor: "sleeper", limits: { attemptTimeoutMs: 200, ...grace } },
      isCancelled: false,
      outcomes: ["TIMED_OUT"],
    },
    { request: { executor: "gate", config: { file } }, isCancelled: true, outcomes: ["SUCCEEDED", "CANCELLED"] },
    {
      request: { executor: "exclusive", config: { file }, limits: grace },
      isCancelled: false,
      outcomes: ["SUCCEEDED"],
    },
    { request: { executor: "flood", config: { size: "300K" } }, isCancelled: false, outcomes: ["SUCCEEDED"] },
    // In one process with others of its kind, which are cancelled as well, or killed with it.
    { request: { executor: "deaf", limits: grace }, isCancelled: true, outcomes: ["CANCELLED", "EXECUTOR_CRASHED"] },
  ];

  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { request, isCancelled, outcomes } = kinds[index % kinds.length]!;
      const id = `mix-${index}`;
      await host.client.submit({ ...request, id });
      const watching = collect(host.client.watch(id));
      if (isCancelled) await host.client.cancel(id);
      const { result } = await watching;
      assert(outcomes.includes(result.outcome), `${id} ${request.executor}: ${result.outcome}: ${result.message}`);
      assert.equal((await host.client.get(id)).result?.outcome, result.outcome);
    }),
  );

  const { executions } = await host.client.list({ pageSize: 1_000 });
  assert.equal(executions.length, count);
  assert.deepEqual(
    executions.filter(
      ({ state, attempts }) => state !== "FINISHED" || attempts.some(({ result }) => result === undefined),
    ),
    [],
  );
  // All slots are free again.
  const again = await Promise.all(Array.from({ length: 12 }, () => collect(host.client.execute({ executor: "noop" }))));
  for (const { result } of again) assert.equal(result.outcome, "SUCCEEDED");
  const stored = executions.map(({ spec, result }) => [spec.id, result?.outcome]);
  await host.restart();
  const after = (await host.client.list({ pageSize: 1_000 })).executions.map(({ spec, result }) => [
    spec.id,
    result?.outcome,
  ]);
  assert.deepEqual(after.slice(12), stored);
});
