import assert from "node:assert/strict";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ExecutionRequest } from "../../../host/client/types.ts";
import { collect, collected, outputOf, until, type Collected } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { guard } from "../../support/guard.ts";
import { isRunning } from "../../support/processes.ts";
import { TestHost } from "../../support/test-host.ts";
import { buildGuard, buildPeer, releases, skipWithoutGo, type Release } from "./peers.ts";

const mebibyte = 1024 * 1024;
/** What Dkron's shell executor keeps of its output. */
const ringBytes = 256_000;
const unicode = "Grüße, 世界 🚀 \u0000 \u2028 end";

let host: TestHost;

describe("an executor made with Go for Dkron", { skip: skipWithoutGo }, () => {
  before(async () => {
    host = await TestHost.start({ settings: { maxConfigBytes: 8 * mebibyte } });
    for (const release of Object.keys(releases) as Release[]) {
      await symlink(await buildPeer("executor", release), join(host.plugins.path, `dkron-executor-${nameOf(release)}`));
    }
  }, buildGuard);
  after(() => host?.[Symbol.asyncDispose](), guard);

  for (const [release, { streams }] of Object.entries(releases) as [Release, (typeof releases)[Release]][]) {
    const executor = nameOf(release);

    describe(release, () => {
      test("gets the job's name and config, and its output comes back", guard, async () => {
        const { result, stdout, stderr } = await run({
          executor,
          config: { do: "tell", text: unicode },
          jobName: "nächtlich",
        });
        assert.equal(result.outcome, "SUCCEEDED");
        assert.equal(stdout.toString(), `job nächtlich: ${unicode}`);
        assert.equal(stderr.length, 0);
      });

      test("says why a job failed, and its output comes back all the same", guard, async () => {
        const { result, stdout } = await run({
          executor,
          config: { do: "tell", text: "so far", fail: "exit status 3 – 世界" },
        });
        assert.equal(result.outcome, "FAILED");
        assert.equal(result.message, "exit status 3 – 世界");
        // Before v1.2.0 a failure left no room for output.
        assert.equal(stdout.toString(), release === "v1.1.1" ? "" : "job : so far");
      });

      test("returns more bytes than gRPC takes by default, each as it was", guard, async () => {
        const bytes = 6 * mebibyte;
        const { result, stdout } = await run({ executor, config: { do: "repeat", bytes: String(bytes) } });
        assert.equal(result.outcome, "SUCCEEDED");
        assert.ok(stdout.equals(pattern(bytes)));
      });

      test("prints and logs to the host's log, not into the output", guard, async () => {
        const { stdout, stderr } = await run({ executor, config: { do: "log", text: `of ${release}` } });
        assert.deepEqual([stdout.length, stderr.length], [0, 0]);
        await logged(`logged of ${release}`);
        // go-plugin 1.0 keeps what is printed, and shows it to nobody.
        if (streams) await logged(`printed of ${release}`);
      });

      test("refuses a request that is too large for it, and nothing has run", guard, async () => {
        const { result } = await run({ executor, config: { do: "tell", text: "x".repeat(5 * mebibyte) } });
        assert.equal(result.outcome, "REJECTED");
        assert.equal(result.code, "REQUEST_TOO_LARGE");
        assert.equal(result.effect, "NONE");
      });

      test("panics, and only its own execution ends", guard, async () => {
        const neighbour = await start({ executor, config: { do: "stream", until: host.path(`${release}-panic`) } });
        const crashed = await run({ executor, config: { do: "panic" } });
        assert.equal(crashed.result.outcome, "EXECUTOR_CRASHED");
        assert.match(crashed.result.message, /exited with code 2; its last words: panic: on purpose/);
        await writeFile(host.path(`${release}-panic`), "");
        assert.equal((await neighbour.ended).result.outcome, "SUCCEEDED");
        assert.equal((await run({ executor, config: {} })).result.outcome, "SUCCEEDED");
      });

      for (const [how, outcome] of [
        ["a cancel", "CANCELLED"],
        ["a time limit", "TIMED_OUT"],
      ] as const) {
        test(`never returns: ${how} ends its process, and no neighbour notices`, guard, async () => {
          const gate = host.path(`${release}-${outcome}`);
          const neighbour = await start({ executor, config: { do: "stream", until: gate } });
          const limits = { graceMs: 5_000, ...(outcome === "TIMED_OUT" && { attemptTimeoutMs: 500 }) };
          const stuck = await start({ id: `${release}-${outcome}`, executor, config: { do: "hang" }, limits });
          if (outcome === "CANCELLED") await host.client.cancel(`${release}-${outcome}`, { reason: "enough" });
          const { result } = await stuck.ended;
          assert.equal(result.outcome, outcome);
          assert.equal(result.stop?.steps[0]?.action, "executor-shutdown");
          assert.ok(!isRunning(stuck.pid));
          assert.ok(isRunning(neighbour.pid));
          await writeFile(gate, "");
          assert.equal((await neighbour.ended).result.outcome, "SUCCEEDED");
        });
      }

      if (!streams) return;

      test("streams both channels while the job runs, and nothing comes twice", guard, async () => {
        const gate = host.path(`${release}-gate`);
        const stream = host.client
          .execute({ executor, config: { do: "stream", text: "the remark", until: gate } })
          [Symbol.asyncIterator]();
        const early = await until(stream, (event) => event.type === "output" && event.channel === "stderr");
        assert.equal(outputOf(early, "stdout").toString(), "out\n");
        assert.equal(outputOf(early, "stderr").toString(), "err\n");
        await writeFile(gate, "");
        const { result, stdout, stderr } = collected([
          ...early,
          ...(await until(stream, (event) => event.type === "result")),
        ]);
        assert.equal(result.outcome, "SUCCEEDED");
        assert.equal(stdout.toString(), "out\nthe remark");
        assert.equal(stderr.toString(), "err\n");
      });

      test("answers with the pieces of the two channels in another order: nothing comes twice", guard, async () => {
        const { stdout, stderr } = await run({ executor, config: { do: "overtake", text: "the remark" } });
        assert.equal(stdout.toString(), `${"out\n".repeat(5_000)}the remark`);
        assert.equal(stderr.toString(), "err\n".repeat(5_000));
      });

      test("streams a piece that is larger than gRPC takes by default", guard, async () => {
        const bytes = 6 * mebibyte;
        const { result, stdout } = await run({
          executor,
          config: { do: "repeat", bytes: String(bytes), piece: String(bytes) },
        });
        assert.equal(result.outcome, "SUCCEEDED");
        assert.ok(stdout.equals(pattern(bytes)));
      });

      test(
        "answers with the end of what it streamed and a remark: the remark comes once, and nothing is lost",
        guard,
        async () => {
          const bytes = mebibyte;
          const config = { do: "repeat", bytes: String(bytes), kept: String(ringBytes), text: "the remark" };
          const { stdout } = await run({ executor, config });
          assert.equal(stdout.subarray(bytes).toString(), "the remark");
          assert.ok(stdout.subarray(0, bytes).equals(pattern(bytes)));
        },
      );

      test("answers with other things than it streamed: both come", guard, async () => {
        for (const text of ["", "done", "a longer answer ".repeat(20)]) {
          const { stdout, stderr } = await run({ executor, config: { do: "progress", text } });
          assert.match(stderr.toString(), /^0 %\n10 %\n.*100 %\n$/s);
          assert.equal(stdout.toString(), text);
        }
      });
    });
  }
});

function nameOf(release: Release): string {
  return release.slice(0, 2);
}

function run(request: ExecutionRequest): Promise<Collected> {
  return collect(host.client.execute(request));
}

/** Run until the executor has the job. */
async function start(request: ExecutionRequest): Promise<{ pid: number; ended: Promise<Collected> }> {
  const before = await busyProcesses();
  const stream = host.client.execute(request)[Symbol.asyncIterator]();
  const events = await until(stream, ({ type }) => type === "started");
  const pids = (await busyProcesses()).filter((pid) => !before.includes(pid));
  assert.equal(pids.length, 1, "an execution has one process to itself");
  const rest = until(stream, ({ type }) => type === "result");
  return { pid: pids[0] ?? 0, ended: rest.then((more) => collected([...events, ...more])) };
}

async function logged(text: string): Promise<void> {
  await eventually(`"${text}" is logged`, () => host.log.some((line) => line.includes(text)));
}

async function busyProcesses(): Promise<readonly number[]> {
  const { executors } = await host.client.listExecutors();
  const processes = executors.flatMap((executor) => executor.processes);
  return processes.filter(({ activeExecutions }) => activeExecutions > 0).map(({ pid }) => pid);
}

/** As the Go side makes it. */
function pattern(bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at++) data[at] = (Math.imul(at, 2654435761) >>> 24) ^ (at & 0xff);
  return data;
}
