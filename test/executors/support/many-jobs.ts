import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pluginsDir } from "../../support/built-executor.ts";
import { collect, type Collected } from "../../support/collect.ts";
import { TestHost } from "../../support/test-host.ts";

type Config = Readonly<Record<string, string>>;

/** Run 64 jobs at once through a new host, whose executor has no connection yet; they share one process, and all succeed. */
export async function runManyAtOnce(executor: string, configOf: (index: number) => Config): Promise<void> {
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  const runs = await Promise.all(
    Array.from({ length: 64 }, (_, index) => collect(host.client.execute({ executor, config: configOf(index) }))),
  );
  const failed = runs.filter(({ result }) => result.outcome !== "SUCCEEDED");
  assert.deepEqual(
    failed.map(({ result }) => result.message),
    [],
  );
  const { executors } = await host.client.listExecutors();
  assert.equal(executors.find(({ name }) => name === executor)?.processes.length, 1);
}

/** Run a job through a host that gets its lines from a file. */
export async function runWithFile(
  executor: string,
  lines: readonly string[],
  configOf: (path: string) => Config,
): Promise<Collected> {
  await using host = await TestHost.start({ settings: { pluginsDirs: [pluginsDir] } });
  const path = join(tmpdir(), "lines.ndjson");
  writeFileSync(path, lines.join("\n"));
  try {
    return await collect(host.client.execute({ executor, config: configOf(path) }));
  } finally {
    rmSync(path);
  }
}
