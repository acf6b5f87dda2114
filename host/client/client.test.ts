import assert from "node:assert/strict";
import { createServer } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { WhenBusy } from "@executor-host/proto/host";
import { isHostError } from "@executor-host/proto/shared/error";
import { HostClient } from "./client.ts";
import { scriptStartMs } from "./fixtures/scripted-execution.ts";
import { TestHost } from "./fixtures/test-host.ts";
import type { Event } from "./types.ts";

const guard = { timeout: 30_000 };

async function connected(t: TestContext): Promise<{ host: TestHost; client: HostClient }> {
  const host = await TestHost.start();
  const client = await HostClient.connect(host.address);
  t.after(async () => {
    await client[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  });
  return { host, client };
}

async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function hasCode(code: string) {
  return (error: unknown) => isHostError(error) && error.code === code;
}

test("execute() follows an execution from its first event to its result", guard, async (t) => {
  const { host, client } = await connected(t);
  const events = await collect(
    client.execute({
      id: "a",
      executor: "shell",
      config: { stdout: "hi", stderr: "oh", exit: "3", outcome: "FAILED" },
    }),
  );
  assert.deepEqual(
    events.map(({ type }) => type),
    ["state", "state", "started", "state", "output", "output", "result"],
  );
  const [first, , , , out, err, last] = events;
  assert.deepEqual(first, {
    sequence: 1,
    timeMs: scriptStartMs,
    attempt: 0,
    type: "state",
    state: "QUEUED",
    reason: "",
  });
  assert.ok(out?.type === "output" && out.channel === "stdout" && out.data.toString() === "hi");
  assert.ok(err?.type === "output" && err.channel === "stderr" && err.data.toString() === "oh");
  assert.ok(last?.type === "result");
  assert.equal(last.result.outcome, "FAILED");
  assert.equal(last.result.exitCode, 3);
  assert.equal(host.specs[0]?.limits, undefined);
});

test("a request arrives with all its parts", guard, async (t) => {
  const { host, client } = await connected(t);
  await client.submit({
    id: "full",
    executor: "shell",
    config: { command: "x" },
    jobName: "nightly",
    limits: { attemptTimeoutMs: 1500, graceMs: 0, maxOutputBytes: 10 },
    retry: { maxAttempts: 3, idempotent: true },
    labels: { team: "a" },
    traceContext: { traceparent: "00-1" },
    queueing: { concurrencyKey: "k", whenBusy: "SKIP" },
  });
  assert.deepEqual(host.specs, [
    {
      executionId: "full",
      executor: "shell",
      config: { command: "x" },
      jobName: "nightly",
      limits: {
        queueTimeout: undefined,
        startTimeout: undefined,
        attemptTimeout: { seconds: 1, nanos: 500_000_000 },
        totalTimeout: undefined,
        noOutputTimeout: undefined,
        grace: { seconds: 0, nanos: 0 },
        maxOutputBytes: 10,
        heartbeatTimeout: undefined,
      },
      retry: { maxAttempts: 3, initialBackoff: undefined, maxBackoff: undefined, multiplier: 0, idempotent: true },
      labels: { team: "a" },
      traceContext: { traceparent: "00-1" },
      queueing: {
        priority: 0,
        fairnessKey: "",
        concurrencyKey: "k",
        maxConcurrent: 1,
        whenBusy: WhenBusy.SKIP,
      },
    },
  ]);
});

test("submit() tells whether the id was known, get() shows the execution, cancel() stops it", guard, async (t) => {
  const { client } = await connected(t);
  const request = { id: "s", executor: "shell", config: { wait: "cancel" } };
  assert.equal((await client.submit(request)).alreadyKnown, false);
  assert.equal((await client.submit(request)).alreadyKnown, true);
  assert.equal((await client.get("s")).state, "RUNNING");
  assert.equal((await client.cancel("s", { reason: "enough" })).state, "FINISHED");
  const finished = await client.get("s");
  assert.equal(finished.result?.outcome, "CANCELLED");
  assert.equal(finished.stateReason, "enough");
  assert.equal(finished.acceptedMs, scriptStartMs);
  assert.equal(finished.attempts[0]?.executorVersion, "1.2.3");
});

test("watch() reads from any event on, and stops at the newest if it shall not follow", guard, async (t) => {
  const { client } = await connected(t);
  await client.submit({ id: "w", executor: "shell", config: { wait: "cancel", stdout: "x" } });
  const soFar = await collect(client.watch("w", { fromSequence: 4, follow: false }));
  assert.deepEqual(
    soFar.map(({ sequence, type }) => `${sequence} ${type}`),
    ["4 state", "5 output"],
  );
  const following = collect(client.watch("w", { fromSequence: 6 }));
  await client.cancel("w");
  assert.deepEqual(
    (await following).map(({ type }) => type),
    ["state", "result"],
  );
});

test("attempts, waits between them and unset values come through", guard, async (t) => {
  const { client } = await connected(t);
  const events = await collect(
    client.execute({ id: "r", executor: "shell", config: { attempts: "1", message: "no" } }),
  );
  const attempt = events.find((event) => event.type === "attemptFinished");
  assert.ok(attempt?.type === "attemptFinished");
  assert.equal(attempt.nextAttemptInMs, 1000);
  assert.equal(attempt.result?.message, "no");
  assert.equal(attempt.result.exitCode, undefined);
  assert.equal(attempt.result.retryAfterMs, undefined);
});

test("list() filters and pages", guard, async (t) => {
  const { client } = await connected(t);
  for (const id of ["1", "2", "3"]) await client.submit({ id, executor: "shell", jobName: id === "3" ? "c" : "ab" });
  await client.submit({ id: "4", executor: "shell", config: { wait: "cancel" } });
  const first = await client.list({ states: ["FINISHED"], pageSize: 2 });
  assert.deepEqual(
    first.executions.map(({ spec }) => spec.id),
    ["3", "2"],
  );
  const second = await client.list({ states: ["FINISHED"], pageSize: 2, pageToken: first.nextPageToken });
  assert.deepEqual(
    second.executions.map(({ spec }) => spec.id),
    ["1"],
  );
  assert.equal(second.nextPageToken, "");
  assert.deepEqual(
    (await client.list({ jobName: "c" })).executions.map(({ spec }) => spec.id),
    ["3"],
  );
});

test("executors are listed and described with their state in words", guard, async (t) => {
  const { client } = await connected(t);
  const { executors, skippedFiles } = await client.listExecutors();
  assert.deepEqual(
    executors.map(({ name, state }) => [name, state]),
    [
      ["broken", "FAILED"],
      ["shell", "READY"],
    ],
  );
  assert.equal(skippedFiles.length, 1);
  const { executor, configSchema } = await client.describeExecutor("shell");
  assert.deepEqual(executor.processes, [
    { pid: 41, startedMs: scriptStartMs, activeExecutions: 1, finishedExecutions: 7, lagMs: 2 },
  ]);
  assert.equal((JSON.parse(configSchema) as { type: string }).type, "object");
});

test("validate() and probe() give their verdicts as values", guard, async (t) => {
  const { client } = await connected(t);
  assert.deepEqual(await client.validate({ executor: "shell", config: { command: "x" } }), []);
  assert.equal((await client.validate({ executor: "shell" }))[0]?.field, "command");
  assert.deepEqual(await client.probe("shell", { command: "x" }), {
    ok: true,
    message: "found /bin/echo",
    code: "",
    details: { path: "/bin/echo" },
  });
});

test("errors of the host keep their code, hint and violations", guard, async (t) => {
  const { client } = await connected(t);
  await assert.rejects(client.get("none"), hasCode("EXECUTION_NOT_FOUND"));
  await assert.rejects(collect(client.watch("none")), hasCode("EXECUTION_NOT_FOUND"));
  await assert.rejects(collect(client.execute({ executor: "nope" })), (error) => {
    assert.ok(isHostError(error));
    assert.equal(error.code, "EXECUTOR_NOT_FOUND");
    assert.equal(error.hint, "there is: shell");
    return true;
  });
  await assert.rejects(client.submit({ executor: "shell", config: { command: "" } }), (error) => {
    assert.ok(isHostError(error) && error.code === "CONFIG_INVALID");
    assert.deepEqual(error.violations, [{ field: "command", message: "must not be empty", hint: "write echo hello" }]);
    return true;
  });
});

test("a reader that pauses holds the host back, and then gets every byte", guard, async (t) => {
  const { host, client } = await connected(t);
  const flood = 64 * 1024 * 1024;
  const events = client.execute({ id: "f", executor: "shell", config: { flood: String(flood) } });
  await events.next();
  let before = -1;
  while (before !== host.sentBytes) {
    before = host.sentBytes;
    await sleep(200);
  }
  assert.ok(host.sentBytes < 32 * 1024 * 1024, `${host.sentBytes} bytes were taken from the host`);
  let received = 0;
  for await (const event of events) {
    if (event.type !== "output") continue;
    assert.equal(event.offset, received);
    assert.equal(event.data[0], event.offset % 251);
    received += event.data.length;
  }
  assert.equal(received, flood);
});

test("a stream nobody has begun to read holds the host back too", guard, async (t) => {
  const { host, client } = await connected(t);
  const events = client.execute({ id: "f", executor: "shell", config: { flood: String(64 * 1024 * 1024) } });
  let before = -1;
  while (before !== host.sentBytes || before === 0) {
    before = host.sentBytes;
    await sleep(200);
  }
  assert.ok(host.sentBytes < 32 * 1024 * 1024, `${host.sentBytes} bytes were taken from the host`);
  await events.return();
});

test("leaving the stream ends the call, and cancels the execution only if that was asked for", guard, async (t) => {
  const { host, client } = await connected(t);
  const config = { wait: "cancel" };
  for await (const event of client.execute({ id: "stays", executor: "shell", config })) {
    if (event.type === "started") break;
  }
  const goes = client.execute({ id: "goes", executor: "shell", config }, { cancelOnDisconnect: true });
  await goes.next();
  await goes[Symbol.asyncDispose]();
  assert.equal((await goes.next()).done, true);
  const last = (await collect(client.watch("goes"))).at(-1);
  assert.ok(last?.type === "result" && last.result.outcome === "CANCELLED");
  assert.equal(host.executions.get("goes")?.cancelReason, "caller is gone");
  assert.equal((await client.get("stays")).state, "RUNNING");
});

test("an aborted call throws the signal's reason", guard, async (t) => {
  const { client } = await connected(t);
  const reason = new Error("changed my mind");
  const aborted = AbortSignal.abort(reason);
  await assert.rejects(client.get("x", { signal: aborted }), reason);
  await assert.rejects(HostClient.connect(client.address, { signal: aborted }), reason);
  await assert.rejects(collect(client.execute({ id: "x", executor: "shell" }, { signal: aborted })), reason);
  const controller = new AbortController();
  const events = client.execute(
    { id: "y", executor: "shell", config: { wait: "ever" } },
    { signal: controller.signal },
  );
  await events.next();
  controller.abort(reason);
  await assert.rejects(collect(events), reason);
  assert.equal((await events.next()).done, true);
});

test(
  "a host that goes away in the middle is told as unreachable, after the events that came before",
  guard,
  async (t) => {
    const { host, client } = await connected(t);
    const events = client.execute({ id: "x", executor: "shell", config: { wait: "ever", stdout: "x" } });
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const event of events) {
        seen.push(event.type);
        if (event.type === "output") await host[Symbol.asyncDispose]();
      }
    }, hasCode("HOST_UNREACHABLE"));
    assert.deepEqual(seen, ["state", "state", "started", "state", "output"]);
    await assert.rejects(client.get("x"), hasCode("HOST_UNREACHABLE"));
  },
);

test("connect() says why there is no host", guard, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "connect-test-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const fails = async (address: string, code: string, message: RegExp) =>
    assert.rejects(HostClient.connect(address, { timeoutMs: 2000 }), (error) => {
      assert.ok(isHostError(error), String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  await fails("nonsense", "SPEC_INVALID", /not an address of a host: nonsense/);
  await fails(`unix:${dir}/none.sock`, "HOST_UNREACHABLE", /there is no such socket/);
  await fails("tcp:127.0.0.1:1", "HOST_UNREACHABLE", /nobody listens there/);
  const rude = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.0 400 Bad Request\r\n\r\n"));
  await new Promise<void>((resolve) => rude.listen(join(dir, "rude.sock"), resolve));
  t.after(() => rude.close());
  await fails(`unix:${dir}/rude.sock`, "HOST_UNREACHABLE", /does not speak gRPC|no answer/);
  const silent = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => silent.listen(join(dir, "silent.sock"), resolve));
  t.after(() => silent.close());
  await fails(`unix:${dir}/silent.sock`, "HOST_UNREACHABLE", /no answer from .* in 2000 ms/);
});
