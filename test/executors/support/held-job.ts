import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostClient } from "../../../host/client/client.ts";
import { pluginsDir } from "../../support/built-executor.ts";
import { collect, collected, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { TestHost } from "../../support/test-host.ts";

/** A job whose target gets everything, and whose answers can be held back. */
export interface HeldJob {
  readonly executor: string;
  readonly config: Readonly<Record<string, string>>;
  /** The way to the target. */
  readonly proxy: TcpProxy;
  /** How much has reached the target, as another client sees it. */
  arrived(): Promise<number>;
  /** Keep the connection in use: one that is idle would be asked for a sign of life before it is used, and that would be held back, too. */
  occupy?(client: HostClient): Promise<void>;
}

/** Run a job through a host, kill its executor between the message and the answer to it, and see what the host makes of that. */
export async function assertCrashLeavesEffectOpen({
  executor,
  config,
  proxy,
  arrived,
  occupy,
}: HeldJob): Promise<void> {
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  const warm = await collect(host.client.execute({ executor, config }));
  assert.equal(warm.result.outcome, "SUCCEEDED", warm.result.message);
  await occupy?.(host.client);
  const before = await arrived();
  proxy.hold();
  const stream = host.client.execute({ executor, config, retry: { maxAttempts: 3 } });
  const seen = await until(stream, (event) => event.type === "started");
  await eventually("the target has it", async () => (await arrived()) === before + 1);
  const { executors } = await host.client.listExecutors();
  process.kill(executors.find(({ name }) => name === executor)?.processes[0]?.pid ?? 0, "SIGKILL");
  const { result, events } = collected([...seen, ...(await Array.fromAsync(stream))]);
  assert.deepEqual(
    [result.outcome, result.effect, result.retryability],
    ["EXECUTOR_CRASHED", "UNKNOWN", "UNKNOWN"],
    result.message,
  );
  assert.equal(result.hint, "the work may have had an effect");
  assert.equal(events.filter(({ type }) => type === "started").length, 1, "nothing is sent twice by itself");
  proxy.release();
  const next = await collect(host.client.execute({ executor, config }));
  assert.equal(next.result.outcome, "SUCCEEDED", next.result.message);
  assert.equal(await arrived(), before + 2);
}

/** Give a job more time while its target is silent, and see it succeed when the deadline that it was started with is past. */
export async function assertTakesMoreTime({ executor, config, proxy, occupy }: HeldJob): Promise<void> {
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  const warm = await collect(host.client.execute({ executor, config }));
  assert.equal(warm.result.outcome, "SUCCEEDED", warm.result.message);
  await occupy?.(host.client);
  proxy.hold();
  const attemptTimeoutMs = 1_500;
  const stream = host.client.execute({ id: "longer", executor, config, limits: { attemptTimeoutMs } });
  const seen = await until(stream, (event) => event.type === "started");
  const { warnings } = await host.client.changeLimits("longer", { attemptTimeoutMs: 600_000 });
  assert.deepEqual(warnings, []);
  await sleep(attemptTimeoutMs);
  assert.equal((await host.client.get("longer")).state, "RUNNING");
  proxy.release();
  const { result } = collected([...seen, ...(await Array.fromAsync(stream))]);
  assert.equal(result.outcome, "SUCCEEDED", result.message);
}
