import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { collect } from "../support/collect.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

describe("a limit on heartbeats", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["beater", "hollow", "sleeper"] });
  });
  after(() => host[Symbol.asyncDispose]());

  test("ends an execution whose work gives no sign of life, and the last sign is kept", guard, async () => {
    const run = await collect(
      host.client.execute({
        id: "still",
        executor: "beater",
        config: { times: "3", end: "hang" },
        limits: { heartbeatTimeoutMs: 1_000 },
      }),
    );
    assert.deepEqual(run.states, ["QUEUED", "STARTING", "RUNNING", "CANCELLING"]);
    const { outcome, code, message, stop } = run.result;
    assert.deepEqual([outcome, code, message], ["TIMED_OUT", "HEARTBEAT_TIMEOUT", "no heartbeat for 1s"]);
    assert.equal(stop?.steps[0]?.action, "cancel");
    assert.equal(run.stdout.toString(), "from 1, a sign each 1000\n");
    const [attempt] = (await host.client.get("still")).attempts;
    assert.deepEqual(attempt?.heartbeatDetails, { step: 3 });
    assert(attempt.heartbeatMs !== undefined && attempt.heartbeatMs >= attempt.startingMs);
  });

  test("is not taken in by an executor that lives while its work does not", guard, async () => {
    const run = await collect(
      host.client.execute({ executor: "hollow", limits: { heartbeatTimeoutMs: 300, graceMs: 0 } }),
    );
    assert.deepEqual([run.result.outcome, run.result.code], ["TIMED_OUT", "HEARTBEAT_TIMEOUT"]);
  });

  test("leaves alone what goes on giving signs, without a word of output", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "beater",
        config: { times: "60", everyMs: "50" },
        limits: { heartbeatTimeoutMs: 2_000 },
      }),
    );
    assert.equal(run.result.outcome, "SUCCEEDED");
    assert(!run.events.some((event) => event.type === "unknown"), "heartbeats are no events of the log");
  });

  test("is there for output and progress as well", guard, async () => {
    const run = await collect(
      host.client.execute({
        executor: "beater",
        config: { times: "60", everyMs: "50" },
        limits: { heartbeatTimeoutMs: 2_000, noOutputTimeoutMs: 400 },
      }),
    );
    assert.equal(run.result.code, "NO_OUTPUT_TIMEOUT", "a heartbeat is no output");
  });

  test("is refused where the executor hears no heartbeats, before anything is done", guard, async () => {
    const request = { executor: "sleeper", limits: { heartbeatTimeoutMs: 1_000 } };
    await assert.rejects(collect(host.client.execute(request)), {
      code: "SPEC_INVALID",
      message: 'limits.heartbeat_timeout: executor "sleeper" hears no heartbeats of its work',
      hint: "set no_output_timeout, which goes by output and progress",
    });
    assert.deepEqual(
      (await host.client.validate(request)).map(({ field }) => field),
      ["limits.heartbeat_timeout"],
    );
  });

  test("that the host sets holds for executors that hear heartbeats, and for no other", guard, async () => {
    await using strict = await TestHost.start({
      executors: ["beater", "sleeper"],
      settings: { limits: { heartbeatTimeoutMs: 200, graceMs: 10_000 } },
    });
    const beater = await collect(strict.client.execute({ executor: "beater", config: { end: "hang" } }));
    assert.equal(beater.result.message, "no heartbeat for 200ms");
    const sleeper = await collect(strict.client.execute({ executor: "sleeper", limits: { attemptTimeoutMs: 500 } }));
    assert.equal(sleeper.result.code, "ATTEMPT_TIMEOUT");
  });
});

describe("heartbeats", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["beater"] });
  });
  after(() => host[Symbol.asyncDispose]());

  test("tell the next attempt from where to go on", guard, async () => {
    const run = await collect(
      host.client.execute({
        id: "resumed",
        executor: "beater",
        config: { times: "9", fails: "4" },
        retry: { maxAttempts: 2, initialBackoffMs: 1 },
      }),
    );
    assert.equal(run.result.outcome, "SUCCEEDED");
    assert.equal(run.stdout.toString(), "from 1, a sign each undefined\nfrom 5, a sign each undefined\n");
    const { attempts } = await host.client.get("resumed");
    assert.deepEqual(
      attempts.map((attempt) => attempt.heartbeatDetails),
      [{ step: 4 }, { step: 9 }],
    );
    await host.restart();
    assert.deepEqual((await host.client.get("resumed")).attempts, attempts, "and are in the journal");
  });
});
