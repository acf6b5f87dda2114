import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertContiguous, collect, collected, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { TestHost } from "../support/test-host.ts";

const mebibyte = 1024 ** 2;
const options = { ...guard, ...(!canMount && { skip: "only root can mount a small file system" }) };

describe("a full disk", options, () => {
  test("refuses what is new, lets what runs finish, and is overcome when there is space again", guard, async () => {
    await using host = await TestHost.prepare({
      executors: ["gate", "noop", "flood"],
      timeouts: { journalRetryMs: 300, journalRetryIntervalMs: 50 },
      settings: { maxConcurrentPerExecutor: 1 },
    });
    using disk = new SmallDisk(host.settings.stateDir, 8 * mebibyte);
    await host.start();
    const { client } = host;
    await collect(client.execute({ id: "before", executor: "noop" }));
    const file = host.path("open");
    const running = client.execute({ id: "running", executor: "gate", config: { file } });
    const seen = await until(running, (event) => event.type === "started");
    const waiting = client.execute({ id: "waiting", executor: "gate", config: { file } });
    const queued = await until(waiting, (event) => event.type === "state");

    disk.fill();
    await assert.rejects(client.submit({ id: "refused", executor: "noop" }), {
      code: "JOURNAL_FAILED",
      message: /^cannot write to the journal: /,
      hint: "check the free space of state-dir",
      retryable: true,
    });
    await assert.rejects(client.get("refused"), { code: "EXECUTION_NOT_FOUND" });
    assert.equal((await client.get("before")).state, "FINISHED", "what is there can be read");

    writeFileSync(file, "");
    const run = collected([...seen, ...(await Array.fromAsync(running))]);
    assert.equal(run.result.outcome, "SUCCEEDED", "the work was done, whatever became of its output");
    const never = collected([...queued, ...(await Array.fromAsync(waiting))]);
    assert.deepEqual(
      [never.result.outcome, never.result.code, never.result.effect],
      ["NOT_STARTED", "JOURNAL_FAILED", "NONE"],
      "what the journal cannot note is not started",
    );
    assert.equal((await client.get("running")).state, "FINISHED");

    disk.free();
    assert.equal((await collect(client.execute({ id: "after", executor: "noop" }))).result.outcome, "SUCCEEDED");
    await eventually("the journal catches up", async () => {
      await host.restart();
      const { executions } = await host.client.list();
      return executions.every(({ result }) => result !== undefined && result.outcome !== "LOST");
    });
    const outcomes = (await host.client.list()).executions.map(({ spec, result }) => [spec.id, result?.outcome]);
    assert.deepEqual(outcomes, [
      ["after", "SUCCEEDED"],
      ["waiting", "NOT_STARTED"],
      ["running", "SUCCEEDED"],
      ["before", "SUCCEEDED"],
    ]);
    await host.stop();
  });

  test("in the middle of much output loses output, tells how much, and nothing else", guard, async () => {
    await using host = await TestHost.prepare({
      executors: ["flood", "noop"],
      timeouts: { journalRetryMs: 300, journalRetryIntervalMs: 50 },
    });
    using disk = new SmallDisk(host.settings.stateDir, 8 * mebibyte);
    await host.start();
    const size = 20 * mebibyte;
    const events = await Array.fromAsync(
      host.client.execute({ id: "flood", executor: "flood", config: { size: String(size) } }),
    );
    assertContiguous(events);
    const run = collected(events);
    assert.equal(run.result.outcome, "SUCCEEDED");
    const dropped = run.events
      .flatMap((event) => (event.type === "outputDropped" ? [event.stdoutBytes + event.stderrBytes] : []))
      .reduce((sum, bytes) => sum + bytes, 0);
    assert(dropped > 0);
    assert.equal(run.stdout.length + run.stderr.length + dropped, size, "kept and dropped make up the whole");
    assert.deepEqual(run.result.warnings, [
      `${dropped} bytes of output could not be journaled: ENOSPC: no space left on device, write`,
    ]);
    const { output } = await host.client.get("flood");
    assert.deepEqual([output.stdoutBytes + output.stderrBytes, output.droppedBytes], [size, dropped]);

    disk.grow();
    await eventually("the journal catches up", async () => {
      await host.restart();
      return (await host.client.get("flood")).result?.outcome === "SUCCEEDED";
    });
    assert.deepEqual(await Array.fromAsync(host.client.watch("flood")), events, "it is the same after a restart");
    const gap = events.findIndex((event) => event.type === "outputDropped");
    const inGap = await Array.fromAsync(host.client.watch("flood", { fromSequence: (events[gap]?.sequence ?? 0) - 3 }));
    assert.deepEqual(inGap, events.slice(gap), "who starts inside the gap is told of it");
    await host.stop();
  });
});
