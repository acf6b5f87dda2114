import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { workerFile, type Case, type CaseContext } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { cpuMs, memoryOf, resetPeak } from "../lib/proc.ts";
import { atLeast, atMost, section, type Column, type Goal } from "../lib/report.ts";
import { interleave, type Results, type Subject } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientKind, ClientWorker } from "../workers/client.ts";
import type { DirectWorker } from "../workers/direct.ts";
import type { SpawnWorker } from "../workers/spawn.ts";

const defaultRounds = 5;
const bulkBytes = 1024 ** 3;
const pieceBytes = 64 * 1024 ** 2;
const smallBytes = 50_000_000;
const smallWriteBytes = 100;
const keepAll = { EXECUTOR_HOST_MAX_OUTPUT_BYTES: String(2 * bulkBytes) };
const stallMs = 3_000;

const throughHost = "host, our client";
const throughHostGrpc = "host, bare gRPC client";
const oneHop = "no host: gRPC client straight to the executor";
const nodePipe = "control: node's spawn, read from the pipe";
const shellPipe = "control: job | cat";

/** The jobs. The bulk of a job's output comes from a file of random bytes, so that a byte at a wrong place is found. */
interface Jobs {
  readonly bulk: string;
  readonly bulkSha256: string;
  readonly small: string;
}

export const output: Case = {
  name: "output",
  summary: "a shell job's output to the client: 1 GiB, many small writes, and a client that stalls",
  async run(context) {
    const { rounds = defaultRounds } = context;
    const jobs = await makeJobs(context.directory);
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await using direct = Worker.start<DirectWorker>(workerFile("direct"));
    await using spawner = Worker.start<SpawnWorker>(workerFile("spawn"));
    const workers = { client, direct, spawner };

    const bulk = await interleave(rounds, subjects(context, workers, jobs.bulk, bulkBytes));
    const small = await interleave(rounds, subjects(context, workers, jobs.small, smallBytes));
    const stalled = await interleave(1, [stallAtHost(context, client, jobs), stallAtExecutor(context, direct, jobs)]);
    return {
      goals: [
        atLeast(
          "1 GiB of output through the host to a gRPC client",
          300,
          "MB/s",
          bulk.median(throughHostGrpc, "mbPerS"),
        ),
        atLeast("the same to our client, as single events", 300, "MB/s", bulk.median(throughHost, "mbPerS")),
        ...exactness(stalled),
        atLeast("output in writes of 100 bytes, through the host", 40, "MB/s", small.median(throughHost, "mbPerS")),
        atMost(
          "in flight while the reader of an executor stalls",
          8,
          "MB",
          stalled.median(stalledExecutor, "inFlightMb"),
        ),
        atMost("growth of the host while its client stalls", 20, "MB", stalled.median(stalledHost, "hostGrowthMb")),
      ],
      sections: [
        section("Output of a shell job, 1 GiB in large writes", bulk, columns),
        section(`Output of a shell job, 50 MB in writes of ${smallWriteBytes} bytes`, small, columns),
        section(`The client reads nothing for ${stallMs / 1000} s, then goes on`, stalled, [
          { metric: "hostGrowthMb", title: "RSS growth meanwhile, MB: host" },
          { metric: "executorGrowthMb", title: "executor" },
          { metric: "clientGrowthMb", title: "client" },
          { metric: "journaledMb", title: "journaled meanwhile, MB" },
          { metric: "inFlightMb", title: "written by the job but not read, MB" },
          { metric: "isExact", title: "sha256 equal" },
        ]),
      ],
    };
  },
};

const columns: Column[] = [
  { metric: "mbPerS", title: "MB/s", ratioTo: shellPipe },
  { metric: "clientMs", title: "CPU ms: client" },
  { metric: "hostMs", title: "host" },
  { metric: "executorMs", title: "executor" },
  { metric: "clientPeakMb", title: "peak RSS, MB: client" },
  { metric: "hostPeakMb", title: "host" },
  { metric: "executorPeakMb", title: "executor" },
];

async function makeJobs(directory: string): Promise<Jobs> {
  const piece = randomBytes(pieceBytes);
  const file = join(directory, "piece");
  await writeFile(file, piece);
  const repeats = bulkBytes / pieceBytes;
  const hash = createHash("sha256");
  for (let repeat = 0; repeat < repeats; repeat++) hash.update(piece);
  return {
    bulk: `cat ${Array.from({ length: repeats }, () => file).join(" ")}`,
    bulkSha256: hash.digest("hex"),
    small: `dd if=${file} bs=${smallWriteBytes} count=${smallBytes / smallWriteBytes} status=none`,
  };
}

interface Workers {
  readonly client: Worker<ClientWorker>;
  readonly direct: Worker<DirectWorker>;
  readonly spawner: Worker<SpawnWorker>;
}

function subjects(context: CaseContext, workers: Workers, job: string, bytes: number): Subject[] {
  const { client, direct, spawner } = workers;
  const config = { command: job, shell: "true" };
  /** A host of its own for each, so that the last one's journal is gone from disk and cache. */
  const throughAHost = (kind: ClientKind) => async () => {
    await using host = await HostProcess.start({ ...context, settings: keepAll });
    await client.call("connect", { address: host.address });
    await client.call("receive", { kind, request: { executor: "shell", config: { command: "true" } } });
    const executor = await client.call("executorPid", { executor: "shell" });
    const pids = { client: client.pid, host: host.pid, executor };
    const request = { executor: "shell", config, limits: { maxOutputBytes: 2 * bulkBytes } };
    // Awaited here, as the host ends with this function.
    return await watched(pids, bytes, () => client.call("receive", { kind, request }));
  };
  return [
    { label: throughHost, measure: throughAHost("client") },
    { label: throughHostGrpc, measure: throughAHost("grpc") },
    {
      label: oneHop,
      async measure() {
        const { programs, directory } = context;
        const executor = await direct.call("launch", { command: programs.shell, directory });
        return watched({ client: direct.pid, executor }, bytes, () => direct.call("receive", { config }));
      },
    },
    {
      label: nodePipe,
      measure: () => watched({ client: spawner.pid }, bytes, () => spawner.call("receive", { command: job })),
    },
    {
      label: shellPipe,
      async measure() {
        const { elapsedMs } = await spawner.call("receive", { command: `${job} | cat >/dev/null` });
        return { mbPerS: bytes / 1000 / elapsedMs };
      },
    },
  ];
}

type Pids = Readonly<Partial<Record<"client" | "host" | "executor", number>>>;

/** Speed, CPU time and peak memory of the processes that take part. */
async function watched(
  pids: Pids,
  bytes: number,
  run: () => Promise<{ outputBytes: number; elapsedMs: number }>,
): Promise<Record<string, number>> {
  const entries = Object.entries(pids);
  for (const [, pid] of entries) resetPeak(pid);
  const before = new Map(entries.map(([name, pid]) => [name, cpuMs(pid)]));
  const { outputBytes, elapsedMs } = await run();
  if (outputBytes < bytes) throw new Error(`${outputBytes} of ${bytes} bytes arrived`);
  const values: Record<string, number> = { mbPerS: bytes / 1000 / elapsedMs };
  for (const [name, pid] of entries) {
    values[`${name}Ms`] = cpuMs(pid) - (before.get(name) ?? 0);
    values[`${name}PeakMb`] = memoryOf(pid).peakMb;
  }
  return values;
}

const stalledHost = "client of the host: the job goes on, into the journal";
const stalledExecutor = "client of the executor, no host: the job waits";

function stallAtHost(context: CaseContext, client: Worker<ClientWorker>, jobs: Jobs): Subject {
  return {
    label: stalledHost,
    async measure() {
      await using host = await HostProcess.start({ ...context, settings: keepAll });
      await client.call("connect", { address: host.address });
      await client.call("receive", { kind: "client", request: { executor: "shell", config: { command: "true" } } });
      const executor = await client.call("executorPid", { executor: "shell" });
      const request = (id: string) => ({
        id,
        executor: "shell",
        config: { command: jobs.bulk, shell: "true" },
        limits: { maxOutputBytes: 2 * bulkBytes },
      });
      // What a process takes when it first has much to do is not what is looked for.
      await client.call("receive", { kind: "client", request: request("before") });
      const result = await client.call("stall", { request: request("stalled"), stallMs, pids: [host.pid, executor] });
      const [clientGrowthMb = 0, hostGrowthMb = 0, executorGrowthMb = 0] = result.growthMb;
      return {
        hostGrowthMb,
        executorGrowthMb,
        clientGrowthMb,
        journaledMb: result.journaledMb,
        isExact: Number(result.sha256 === jobs.bulkSha256),
      };
    },
  };
}

function stallAtExecutor({ programs, directory }: CaseContext, direct: Worker<DirectWorker>, jobs: Jobs): Subject {
  return {
    label: stalledExecutor,
    async measure() {
      await direct.call("launch", { command: programs.shell, directory });
      const config = { command: jobs.bulk, shell: "true" };
      await direct.call("receive", { config });
      const result = await direct.call("stall", { config, stallMs, writer: "cat" });
      const [clientGrowthMb = 0, executorGrowthMb = 0] = result.growthMb ?? [];
      return {
        executorGrowthMb,
        clientGrowthMb,
        inFlightMb: result.inFlightMb ?? Number.NaN,
        isExact: Number(result.sha256 === jobs.bulkSha256),
      };
    },
  };
}

function exactness(stalled: Results): Goal[] {
  return stalled.labels.map((label) => {
    const isMet = stalled.values(label, "isExact").every((value) => value === 1);
    return {
      what: `1 GiB byte for byte: ${label}`,
      goal: "sha256 equal",
      measured: isMet ? "equal" : "different",
      isMet,
    };
  });
}
