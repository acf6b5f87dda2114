import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { runCli } from "../../host/cli/fixtures/run-cli.ts";
import type { Executor } from "../../host/client/types.ts";
import { collect, until } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { guard } from "../support/guard.ts";
import { TestHost } from "../support/test-host.ts";

const timeouts = { pluginsSettleMs: 20, pluginsIntervalMs: 200 };
const wrongSum = "0".repeat(64);

function sumOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

async function executorOf(host: TestHost, name: string): Promise<Executor> {
  const { executors } = await host.client.listExecutors();
  const found = executors.find((executor) => executor.name === name);
  assert(found !== undefined, `${name} is listed`);
  return found;
}

/** A host with executors whose files are known before it starts. */
async function pinned(
  names: readonly string[],
  settingsOf: (sums: ReadonlyMap<string, string>) => TestHost["settings"] | object,
): Promise<TestHost> {
  const draft = await TestHost.prepare({ executors: names, timeouts });
  const sums = new Map(names.map((name) => [name, sumOf(`${draft.plugins.path}/dkron-executor-${name}`)]));
  Object.assign(draft.settings, settingsOf(sums));
  await draft.start();
  return draft;
}

describe("a pinned executor", guard, () => {
  test("runs when its file has the sum", guard, async () => {
    await using host = await pinned(["noop"], (executorPins) => ({ executorPins, requirePins: true }));
    assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    const { state, pinnedSha256, path } = await executorOf(host, "noop");
    assert.deepEqual([state, pinnedSha256], ["READY", sumOf(path)]);
  });

  test("with another sum is listed with both sums before anybody asks for it, and is not started", guard, async () => {
    await using host = await pinned(["noop", "gate"], () => ({ executorPins: new Map([["noop", wrongSum]]) }));
    const { state, reason, path } = await executorOf(host, "noop");
    assert.equal(state, "FAILED");
    assert.equal(
      reason,
      `executor "noop" cannot be started: checksum of ${path} is sha256 ${sumOf(path)}, not ${wrongSum}`,
    );
    const refused = {
      code: "EXECUTOR_UNUSABLE",
      message: new RegExp(`is sha256 ${sumOf(path)}, not ${wrongSum}`),
      hint: "pin the new checksum if the file was replaced on purpose",
    };
    await assert.rejects(collect(host.client.execute({ executor: "noop" })), refused);
    await assert.rejects(host.client.describeExecutor("noop"), refused);
    const file = host.path("open");
    writeFileSync(file, "");
    const other = await collect(host.client.execute({ executor: "gate", config: { file } }));
    assert.equal(other.result.outcome, "SUCCEEDED", "one without a pin is not concerned");
  });

  test("without a pin is refused where pins are required, and told how to get one", guard, async () => {
    await using host = await pinned(["noop"], () => ({ requirePins: true }));
    const { state, reason } = await executorOf(host, "noop");
    assert.equal(state, "FAILED");
    assert.match(reason, /has no pin, and require-pins is set$/);
    await assert.rejects(host.client.describeExecutor("noop"), { code: "EXECUTOR_UNUSABLE", hint: /executors --pins/ });
  });

  test("keeps its process when the file is replaced by one with another sum", guard, async () => {
    await using host = await pinned(["gate"], (executorPins) => ({ executorPins }));
    const file = host.path("open");
    const running = host.client.execute({ executor: "gate", config: { file } });
    await until(running, (event) => event.type === "started");
    const [old] = (await executorOf(host, "gate")).processes;
    const { pinnedSha256 } = await executorOf(host, "gate");
    const path = await host.plugins.fixture("noop", "gate");
    const { state, reason } = await eventually("it is told", async () => {
      const executor = await executorOf(host, "gate");
      return executor.reason === "" ? undefined : executor;
    });
    assert.equal(state, "READY");
    assert.match(reason, /^the file was replaced by one that does not work, so that the earlier one goes on: /);
    assert(reason.includes(`checksum of ${path} is sha256 ${sumOf(path)}, not ${pinnedSha256}`), reason);
    writeFileSync(file, "");
    const next = await collect(host.client.execute({ executor: "gate", config: { file } }));
    assert.deepEqual([next.result.outcome, next.result.evidence?.["pid"]], ["SUCCEEDED", old?.pid]);
    assert.equal((await Array.fromAsync(running)).at(-1)?.type, "result");
  });

  test(
    "that was never started is refused after a replacement, and used again when the file is put back",
    guard,
    async () => {
      await using host = await pinned(["noop"], (executorPins) => ({ executorPins }));
      await host.plugins.fixture("gate", "noop");
      await eventually("it is refused", async () => (await executorOf(host, "noop")).state === "FAILED");
      await host.plugins.fixture("noop");
      await eventually("it is well again", async () => (await executorOf(host, "noop")).state === "IDLE");
      assert.equal((await collect(host.client.execute({ executor: "noop" }))).result.outcome, "SUCCEEDED");
    },
  );
});

test("the command prints the settings that pin what is there", guard, async () => {
  await using host = await TestHost.prepare({ executors: ["noop", "gate"] });
  const sums = ["gate", "noop"].map((name) => [name, sumOf(`${host.plugins.path}/dkron-executor-${name}`)] as const);
  const args = ["executors", "--pins", "--plugins-dir", host.plugins.path];
  const text = await runCli(args);
  assert.equal(text.code, 0, text.stderr);
  assert.equal(text.stdout, `executor-pins:\n${sums.map(([name, sum]) => `  ${name}: "${sum}"\n`).join("")}`);
  const json = await runCli([...args, "--json"]);
  assert.deepEqual(JSON.parse(json.stdout), { executorPins: Object.fromEntries(sums) });
  // What it prints is what the host reads.
  const config = host.path("config.yaml");
  writeFileSync(config, `${text.stdout}require-pins: true\n`);
  const listed = await runCli(["executors", "--plugins-dir", host.plugins.path, "--config", config]);
  assert.match(listed.stdout, /^gate .* ready/m);
  assert.match(listed.stdout, /^noop .* ready/m);
});
