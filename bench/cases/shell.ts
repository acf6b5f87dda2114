import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BurstResult } from "../lib/burst.ts";
import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { cpuMs, memoryOf } from "../lib/proc.ts";
import { atLeast, atMost, section } from "../lib/report.ts";
import { interleave, type Subject } from "../lib/rounds.ts";
import { quantile } from "../lib/stats.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";
import type { DirectWorker } from "../workers/direct.ts";
import type { SpawnWorker } from "../workers/spawn.ts";

const defaultRounds = 7;
const single = { count: 200, concurrency: 1 };
const many = { count: 600, concurrency: 8 };
const program = "/bin/true";
const spawnProbe = join(import.meta.dirname, "../fixtures/spawn-probe.cjs");
const bare = "control: node's spawn with pipes";
const throughHost = "host, our client";
const freshExecutor = "shell executor";
const usedExecutor = "shell executor that has passed on 1 GiB of output";
const manyBytes = "head -c 1G /dev/zero";

export const shell: Case = {
  name: "shell",
  summary: "a shell job that runs `true`, and how long spawning it holds up the executor",
  async run({ programs, directory, rounds = defaultRounds }) {
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    await using direct = Worker.start<DirectWorker>(workerFile("direct"));
    const directExecutor = await direct.call("launch", { command: programs.shell, directory });
    await using spawner = Worker.start<SpawnWorker>(workerFile("spawn"));

    const config = { command: program };
    const request = { executor: "shell", config };
    const runThroughHost = (options: typeof many) => client.call("burst", { kind: "client", request, ...options });
    await runThroughHost({ count: 1, concurrency: 1 });
    const executor = await client.call("executorPid", { executor: "shell" });
    const runDirectly = (options: typeof many) => direct.call("burst", { config, ...options });
    const spawnBare = (options: typeof many) => spawner.call("burst", { command: [program], ...options });
    const subjects = [
      subject(throughHost, runThroughHost, host.pid, executor),
      subject("no host: gRPC client straight to the executor", runDirectly, undefined, directExecutor),
      subject(bare, spawnBare, undefined, spawner.pid),
      {
        label: `control: xargs -P${many.concurrency}`,
        measure: async () => ({ perSecond: await spawner.call("xargs", { ...many, program }) }),
      },
    ];
    for (const each of subjects) await each.measure();
    const results = await interleave(rounds, subjects);
    const heldUp = await interleave(Math.ceil(rounds / 2), [
      { label: freshExecutor, measure: () => heldUpBySpawns(direct, programs.shell, directory, []) },
      { label: usedExecutor, measure: () => heldUpBySpawns(direct, programs.shell, directory, [manyBytes]) },
      { label: bare, measure: () => spawner.call("heldUp", { command: [program], count: single.count }) },
    ]);
    return {
      goals: [
        atMost(
          "shell job, one at a time, p50 against a bare spawn",
          3.5,
          "x",
          results.ratio(throughHost, "p50Ms", bare),
        ),
        atLeast("shell jobs, 8 at once", 350, "/s", results.median(throughHost, "perSecond")),
        atMost("event loop of the executor held up by one spawn, p50", 2, "ms", heldUp.median(freshExecutor, "p50Ms")),
      ],
      sections: [
        section("Shell job `true`", results, [
          { metric: "p50Ms", title: "one at a time: p50 ms", ratioTo: bare },
          { metric: "p99Ms", title: "p99 ms" },
          { metric: "perSecond", title: `${many.concurrency} at once: /s`, ratioTo: bare },
          { metric: "hostMs", title: "CPU ms each: host" },
          { metric: "executorMs", title: "executor" },
        ]),
        section("How long one spawn holds up the executor's event loop", heldUp, [
          { metric: "p50Ms", title: "p50 ms", ratioTo: bare },
          { metric: "p99Ms", title: "p99 ms" },
          { metric: "rssMb", title: "RSS, MB" },
        ]),
      ],
    };
  },
};

/** @param before jobs to run first */
async function heldUpBySpawns(
  direct: Worker<DirectWorker>,
  command: string,
  directory: string,
  before: readonly string[],
): Promise<Record<string, number>> {
  const file = join(directory, "spawns");
  const env = { NODE_OPTIONS: `--require ${spawnProbe}`, SPAWN_PROBE_FILE: file };
  const pid = await direct.call("launch", { command, directory, env });
  for (const job of before) await direct.call("receive", { config: { command: job } });
  await direct.call("burst", { config: { command: program }, ...single });
  const { rssMb } = memoryOf(pid);
  await direct.call("stop", undefined);
  const heldUpMs = (JSON.parse(await readFile(file, "utf8")) as number[]).slice(-single.count);
  return { p50Ms: quantile(heldUpMs, 0.5), p99Ms: quantile(heldUpMs, 0.99), rssMb };
}

function subject(
  label: string,
  run: (options: typeof many) => Promise<BurstResult>,
  hostPid: number | undefined,
  executorPid: number,
): Subject {
  const cpu = () => ({ host: hostPid === undefined ? 0 : cpuMs(hostPid), executor: cpuMs(executorPid) });
  return {
    label,
    async measure() {
      const one = await run(single);
      const before = cpu();
      const all = await run(many);
      const after = cpu();
      return {
        p50Ms: one.p50Ms,
        p99Ms: one.p99Ms,
        perSecond: all.perSecond,
        executorMs: (after.executor - before.executor) / many.count,
        ...(hostPid !== undefined && { hostMs: (after.host - before.host) / many.count }),
      };
    },
  };
}
