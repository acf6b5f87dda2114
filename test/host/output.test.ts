import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { collect, collected, outputOf } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

const mebibyte = 1024 ** 2;

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("output", guard, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ executors: ["binary", "flood", "noop"] });
  });
  after(() => host[Symbol.asyncDispose]());

  test("is bytes: every value there is, and characters cut in the middle", guard, async () => {
    const run = await collect(host.client.execute({ id: "binary", executor: "binary" }));
    assert.deepEqual(
      [...run.stdout],
      Array.from({ length: 256 }, (_, index) => index),
    );
    assert.equal(run.stderr.toString(), "héllo 🌍");
    assert(run.events.filter((event) => event.type === "output").length > 5, "characters did come in pieces");
    assert.deepEqual((await collect(host.client.watch("binary"))).events, run.events);
  });

  test("is complete, in order and told by offsets, however much it is", guard, async () => {
    const run = await collect(host.client.execute({ id: "much", executor: "flood", config: { size: "30M" } }));
    assert.equal(sha256(run.stdout), run.result.evidence?.["stdout"]);
    assert.equal(sha256(run.stderr), run.result.evidence?.["stderr"]);
    assert.equal(run.stdout.length + run.stderr.length, 30 * mebibyte);
    const offsets = { stdout: 0, stderr: 0 };
    for (const event of run.events) {
      if (event.type !== "output") continue;
      assert.equal(event.offset, offsets[event.channel]);
      offsets[event.channel] += event.data.length;
    }
    const { output } = await host.client.get("much");
    assert.deepEqual(output, { stdoutBytes: offsets.stdout, stderrBytes: offsets.stderr, droppedBytes: 0 });
    assert.deepEqual(run.result.warnings, []);
  });

  test("of many small writes is as complete", guard, async () => {
    const run = await collect(host.client.execute({ executor: "flood", config: { size: "200K", chunk: "7" } }));
    assert.equal(sha256(run.stdout), run.result.evidence?.["stdout"]);
    assert.equal(sha256(run.stderr), run.result.evidence?.["stderr"]);
  });

  test("that nobody reads does not slow the job, and is all there for whoever reads it later", guard, async () => {
    const stream = host.client.execute({ id: "unread", executor: "flood", config: { size: "40M" } });
    const first = await stream.next();
    await eventually(
      "the job ends while its caller reads nothing",
      async () => (await host.client.get("unread")).result,
    );
    const run = collected([first.value!, ...(await Array.fromAsync(stream))]);
    assert.equal(sha256(run.stdout), run.result.evidence?.["stdout"]);
    assert.equal(sha256(run.stderr), run.result.evidence?.["stderr"]);
  });

  test("reaches a quick watcher while a slow one sleeps", guard, async () => {
    const slow = host.client.execute({ id: "paces", executor: "flood", config: { size: "20M" } });
    const first = await slow.next();
    const quick = await collect(host.client.watch("paces"));
    assert.equal(sha256(quick.stdout), quick.result.evidence?.["stdout"]);
    const late = collected([first.value!, ...(await Array.fromAsync(slow))]);
    assert.deepEqual(late.stdout, quick.stdout);
  });

  test("beyond its cap keeps head and tail, and the middle is counted to the byte", guard, async () => {
    const size = 20 * mebibyte;
    const cap = 4 * mebibyte;
    const request = {
      id: "capped",
      executor: "flood",
      config: { size: String(size) },
      limits: { maxOutputBytes: cap },
    };
    const { result } = (await Array.fromAsync(host.client.execute(request))).at(-1) as { result: { outcome: string } };
    assert.equal(result.outcome, "SUCCEEDED", "output never changes the outcome");
    const run = await collect(host.client.watch("capped"));
    const gaps = run.events.filter((event) => event.type === "outputDropped");
    assert.equal(gaps.length, 1);
    const [gap] = gaps;
    assert(gap !== undefined);
    const kept = run.stdout.length + run.stderr.length;
    assert.equal(kept + gap.stdoutBytes + gap.stderrBytes, size, "kept and dropped make up the whole");
    assert(kept <= cap + mebibyte && kept >= cap / 2, `${kept} bytes are kept of ${cap}`);
    const { output } = await host.client.get("capped");
    assert.equal(output.droppedBytes, gap.stdoutBytes + gap.stderrBytes);
    assert.equal(output.stdoutBytes + output.stderrBytes, size);
    const at = run.events.indexOf(gap);
    for (const channel of ["stdout", "stderr"] as const) {
      const [head, tail] = [outputOf(run.events.slice(0, at), channel), outputOf(run.events.slice(at), channel)];
      assert(head.length > cap / 8 && tail.length > cap / 8, "head and tail are both there");
      const resumed = run.events.slice(at).find((event) => event.type === "output" && event.channel === channel);
      const missing: number = channel === "stdout" ? gap.stdoutBytes : gap.stderrBytes;
      assert(resumed?.type === "output");
      assert.equal(resumed.offset, head.length + missing, "offsets go on as if nothing was missing");
    }
    await host.restart();
    assert.deepEqual((await collect(host.client.watch("capped"))).events.length, run.events.length);
    assert.deepEqual((await host.client.get("capped")).output, output);
    const inGap = await Array.fromAsync(host.client.watch("capped", { fromSequence: gap.firstSequence + 3 }));
    assert.equal(inGap[0]?.type, "outputDropped", "who starts inside the gap is told of it");
    const behind = await Array.fromAsync(host.client.watch("capped", { fromSequence: gap.lastSequence + 1 }));
    assert.equal(behind[0]?.sequence, gap.lastSequence + 1);
  });

  test("that was dropped before a slow watcher came to it is told to it as dropped", guard, async () => {
    const limits = { maxOutputBytes: 4 * mebibyte };
    const size = 60 * mebibyte;
    const stream = host.client.execute({ id: "late", executor: "flood", config: { size: String(size) }, limits });
    const first = await stream.next();
    await eventually("the job ends", async () => (await host.client.get("late")).result);
    const run = collected([first.value!, ...(await Array.fromAsync(stream))]);
    const gaps = run.events.filter((event) => event.type === "outputDropped");
    const dropped = gaps.reduce((sum, gap) => sum + gap.stdoutBytes + gap.stderrBytes, 0);
    assert(dropped > 0);
    assert.equal(run.stdout.length + run.stderr.length + dropped, size);
  });

  test("may be capped by a job below the host's cap, never above it", guard, async () => {
    await using small = await TestHost.start({ executors: ["flood"], settings: { maxOutputBytes: mebibyte } });
    await Array.fromAsync(
      small.client.execute({
        id: "greedy",
        executor: "flood",
        config: { size: "8M" },
        limits: { maxOutputBytes: 100 * mebibyte },
      }),
    );
    assert((await small.client.get("greedy")).output.droppedBytes > 6 * mebibyte);
  });

  test("of jobs side by side does not mix", guard, async () => {
    const runs = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        collect(
          host.client.execute({ executor: "flood", config: { size: `${index + 1}M`, chunk: `${1000 + index}` } }),
        ),
      ),
    );
    for (const run of runs) assert.equal(sha256(run.stdout), run.result.evidence?.["stdout"]);
  });
});
