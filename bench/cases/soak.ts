import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { descendantsOf, descriptorsOf, memoryOf } from "../lib/proc.ts";
import { atMost, gridLines, type Goal } from "../lib/report.ts";
import { short } from "../lib/stats.ts";
import { withCrasher } from "../lib/with-crasher.ts";
import { Worker } from "../lib/worker.ts";
import type { SoakWorker } from "../workers/soak.ts";

const total = 50_000;
const concurrency = 6;
/** Caches are filled, and code is compiled. */
const warmUp = 10_000;
const stretches = 4;
/** A heap is never twice of the same size: this much is no growth. */
const sameMb = 8;
const settleMs = 5_000;
const executors = ["noop", "shell"] as const;

/** What may not grow, looked at while nothing runs. */
interface Sample {
  readonly done: number;
  readonly values: ReadonlyMap<string, number>;
}

export const soak: Case = {
  name: "soak",
  summary: "50,000 executions of all kinds in one host, and what has grown by then; writes soak.md",
  page: "soak.md",
  async run({ programs, directory }) {
    const temporary = await mkdtemp(join(directory, "t-"));
    await using host = await HostProcess.start({
      programs: await withCrasher(programs, directory),
      directory,
      settings: { EXECUTOR_HOST_EXECUTOR_CRASH_LIMIT: "0", TMPDIR: temporary },
    });
    await using client = Worker.start<SoakWorker>(workerFile("soak"));
    await client.call("connect", { address: host.address });
    const pids = new Map<string, number>([["host", host.pid]]);
    const counts = new Map<string, number>();
    const run = async (count: number) => {
      const ran = Object.entries(await client.call("run", { count, concurrency }));
      for (const [kind, times] of ran) counts.set(kind, (counts.get(kind) ?? 0) + times);
    };
    const look = async (done: number): Promise<Sample> => {
      await sleep(settleMs);
      for (const executor of executors) {
        const pid = await client.call("executorPid", { executor });
        if (pids.has(executor) && pids.get(executor) !== pid) throw new Error(`${executor} has another process`);
        pids.set(executor, pid);
      }
      const values = new Map([
        ["processes below the host", descendantsOf(host.pid).length],
        ["sockets and directories of executors", (await readdir(host.runtimeDir, { recursive: true })).length],
        ["temporary files", (await readdir(temporary, { recursive: true })).length],
      ]);
      for (const [name, pid] of pids) values.set(`descriptors of ${name}`, descriptorsOf(pid));
      for (const [name, pid] of pids) values.set(`${rssOf}${name}, MB`, memoryOf(pid).rssMb);
      return { done, values };
    };
    const startedMs = performance.now();
    await run(warmUp);
    const samples = [await look(warmUp)];
    for (let stretch = 1; stretch <= stretches; stretch++) {
      const done = warmUp + ((total - warmUp) * stretch) / stretches;
      process.stderr.write(`  ${done} of ${total}\n`);
      await run(done - (samples.at(-1)?.done ?? 0));
      samples.push(await look(done));
    }
    const seconds = (performance.now() - startedMs) / 1000;
    return {
      goals: [...(samples[0]?.values.keys() ?? [])].map((what) => growth(what, samples)),
      sections: [
        [
          `### ${total.toLocaleString("en")} executions, ${concurrency} at once, in ${short(seconds)} s`,
          "",
          ...gridLines([["kind", "executions"], ...[...counts].map(([kind, count]) => [kind, String(count)])]),
          "",
          "What there was, when nothing ran, after so many executions:",
          "",
          ...gridLines([
            ["", ...samples.map(({ done }) => done.toLocaleString("en"))],
            ...[...(samples[0]?.values.keys() ?? [])].map((what) => [
              what,
              ...samples.map(({ values }) => short(values.get(what) ?? Number.NaN)),
            ]),
          ]),
          "",
        ].join("\n"),
      ],
    };
  },
};

const rssOf = "RSS of ";

/** From the warm-up to the end; of memory, from the middle on, as what is collected comes and goes. */
function growth(what: string, samples: readonly Sample[]): Goal {
  const isMemory = what.startsWith(rssOf);
  const first = samples[isMemory ? Math.floor(samples.length / 2) : 0]?.values.get(what) ?? Number.NaN;
  const grown = (samples.at(-1)?.values.get(what) ?? Number.NaN) - first;
  return atMost(`growth: ${what}`, isMemory ? sameMb : 0, isMemory ? "MB" : "", grown);
}
