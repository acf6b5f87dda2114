import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { HostProcess } from "../support/host-process.ts";
import { isRunning } from "../support/processes.ts";
import { TestHost } from "../support/test-host.ts";

const pluginsDir = join(import.meta.dirname, "../../dist/plugins");
const isBuilt = existsSync(join(pluginsDir, "dkron-executor-shell"));
const options = { ...guard, skip: isBuilt ? false : "the shell executor is not built: run scripts/build" };

function job(command: string, parts: Partial<ExecutionRequest> = {}): ExecutionRequest {
  return { executor: "shell", config: { command, shell: "true" }, ...parts };
}

/** Writes the pids of a tree whose members have left their group, their session and their parent, and stays. */
const escapingTree = `
  setsid --fork sh -c 'echo $$; (setsid --fork sh -c "echo \\$\\$; exec sleep 1000000" &) ; exec sleep 1000000'
  sh -c 'echo $$; exec sleep 1000000' &
  echo $$
  wait
`;

describe("a shell job", options, () => {
  let host: TestHost;
  before(async () => {
    host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  });
  after(() => host[Symbol.asyncDispose]());

  async function pidsOf(stream: ReturnType<TestHost["client"]["execute"]>, count: number): Promise<readonly number[]> {
    let text = "";
    await until(stream, (event) => {
      if (event.type === "output") text += event.data.toString();
      return text.split("\n").length > count;
    });
    return text.trim().split("\n").map(Number);
  }

  test("is gone with all it has started when it is cancelled, wherever that went", guard, async () => {
    const stream = host.client.execute(job(escapingTree, { id: "tree" }));
    const pids = await pidsOf(stream, 4);
    assert.deepEqual(pids.map(isRunning), [true, true, true, true]);
    await host.client.cancel("tree", { graceMs: 2_000 });
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    assert.equal(last.result.outcome, "CANCELLED");
    assert.deepEqual(last.result.stop?.survivors, []);
    assert.deepEqual(pids.filter(isRunning), []);
  });

  test("gives signs of life by a file, and the next attempt goes on from there", guard, async () => {
    const command = `
      row=\${EXECUTION_LAST_HEARTBEAT:-0}
      echo "from $row"
      [ "$row" = 0 ] || exit 0
      echo 500 > "$EXECUTION_HEARTBEAT_FILE"
      exec sleep 1000000
    `;
    const limits = { heartbeatTimeoutMs: 1_000, graceMs: 5_000 };
    const retry = { maxAttempts: 2, initialBackoffMs: 1, idempotent: true };
    const run = await collect(host.client.execute(job(command, { id: "beats", limits, retry })));
    assert.equal(run.stdout.toString(), "from 0\nfrom 500\n");
    assert.equal(run.result.outcome, "SUCCEEDED");
    const [first] = (await host.client.get("beats")).attempts;
    assert.deepEqual([first?.result?.code, first?.heartbeatDetails], ["HEARTBEAT_TIMEOUT", { text: "500" }]);
  });

  test("is given more time while it runs, and what it uses is told meanwhile", guard, async () => {
    const limits = { attemptTimeoutMs: 60_000 };
    const stream = host.client.execute(job("while :; do :; done", { id: "busy", limits }));
    const seen = await until(stream, (event) => event.type === "usage");
    const told = seen.at(-1);
    assert(told?.type === "usage");
    const { cpuTimeMs = 0, memoryBytes = 0, processes = 0, readBytes, writtenBytes } = told.usage;
    assert(cpuTimeMs > 0 && memoryBytes > 0 && processes > 0, JSON.stringify(told.usage));
    assert(readBytes !== undefined && writtenBytes !== undefined, JSON.stringify(told.usage));
    const { warnings } = await host.client.changeLimits("busy", { attemptTimeoutMs: 3_600_000 });
    assert.deepEqual(warnings, [], "nothing ends a shell job at its first deadline");
    await host.client.cancel("busy", { graceMs: 0 });
    await Array.fromAsync(stream);
  });

  test("that will not hear is killed at its time limit, and the verdict tells the steps", guard, async () => {
    const limits = { attemptTimeoutMs: 500, graceMs: 5_000 };
    const command = "trap '' TERM INT; echo $$; while :; do sleep 1; done";
    const { result, stdout } = await collect(host.client.execute(job(command, { limits })));
    assert.deepEqual([result.outcome, result.code], ["TIMED_OUT", "ATTEMPT_TIMEOUT"]);
    assert(!isRunning(Number(stdout)));
    const steps = result.stop?.steps.map(({ action }) => action) ?? [];
    assert.equal(steps[0], "cancel");
    assert(steps.includes("SIGTERM"), steps.join(" "));
    assert(steps.includes("SIGKILL") || steps.includes("cgroup.kill"), steps.join(" "));
    assert(!steps.includes("executor-SIGKILL"), "the executor itself is in order");
  });

  test("that floods passes 200 MiB, to the byte", guard, async () => {
    const line = "0123456789abcdef\n";
    const size = 200 * 1024 ** 2;
    const received = createHash("sha256");
    let bytes = 0;
    let outcome = "";
    for await (const event of host.client.execute(job(`yes '${line.trim()}' | head -c ${size}`))) {
      if (event.type === "result") outcome = event.result.outcome;
      if (event.type !== "output") continue;
      received.update(event.data);
      bytes += event.data.length;
    }
    assert.equal(outcome, "SUCCEEDED");
    assert.equal(bytes, size);
    const expected = createHash("sha256");
    const block = Buffer.from(line.repeat(65_536));
    for (let left = size; left > 0; left -= block.length) expected.update(block.subarray(0, left));
    assert.equal(received.digest("hex"), expected.digest("hex"));
  });

  test("that writes what is no text passes it as it is, on both channels", guard, async () => {
    const command = String.raw`printf '\377\376\000\200caf\303'; printf '\251' ; printf '\300\257' >&2`;
    const { result, stdout, stderr } = await collect(host.client.execute(job(command)));
    assert.equal(result.outcome, "SUCCEEDED");
    assert.deepEqual(stdout, Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x63, 0x61, 0x66, 0xc3, 0xa9]));
    assert.deepEqual(stderr, Buffer.from([0xc0, 0xaf]));
  });

  test("may open its output by name", guard, async () => {
    const command = "echo one; echo two > /dev/stdout; echo three >> /dev/stderr; cat /proc/self/fd/0";
    const { result, stdout, stderr } = await collect(host.client.execute(job(command)));
    assert.equal(result.outcome, "SUCCEEDED");
    assert.equal(stdout.toString(), "one\ntwo\n");
    assert.equal(stderr.toString(), "three\n");
  });

  test("ends with its main process, though a child still holds its output", guard, async () => {
    const { result, stdout } = await collect(host.client.execute(job("sleep 1000000 & echo $!; echo done")));
    assert.equal(result.outcome, "SUCCEEDED");
    const [pid, done] = stdout.toString().split("\n");
    assert.equal(done, "done");
    await eventually("the child ends", () => !isRunning(Number(pid)));
  });

  test("is over at once when its executor dies, and nothing of it is left", guard, async () => {
    const stream = host.client.execute(job(escapingTree, { id: "orphaned" }));
    const pids = await pidsOf(stream, 4);
    process.kill((await host.client.get("orphaned")).attempts[0]?.executorPid ?? 0, "SIGKILL");
    const last = (await Array.fromAsync(stream)).at(-1);
    assert(last?.type === "result");
    assert.deepEqual([last.result.outcome, last.result.effect], ["EXECUTOR_CRASHED", "UNKNOWN"]);
    assert.deepEqual(pids.filter(isRunning), []);
    assert.equal((await collect(host.client.execute(job("echo next")))).stdout.toString(), "next\n");
  });

  test("does not outlive a host that is killed", guard, async () => {
    await using killed = await HostProcess.start({ flags: ["--plugins-dir", pluginsDir] });
    const stream = killed.client.execute(job(escapingTree, { id: "tree" }));
    const pids = await pidsOf(stream, 4);
    void Array.fromAsync(stream).catch(() => undefined); // it breaks with the host
    await killed.kill();
    await eventually("the job ends with its host", () => pids.every((pid) => !isRunning(pid)));
    await killed.start();
    assert.equal((await killed.client.get("tree")).result?.outcome, "LOST");
  });
});
