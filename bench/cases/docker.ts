import { existsSync } from "node:fs";
import { join } from "node:path";
import { docker as dockerService } from "../../scripts/lib/services/docker.ts";
import { readRecord } from "../../scripts/lib/services/record.ts";
import { down, up } from "../../scripts/lib/services/up-down.ts";
import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave, type Subject } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";
import type { DirectWorker } from "../workers/direct.ts";
import type { SpawnWorker } from "../workers/spawn.ts";

const defaultRounds = 5;
const noops = { count: 5, concurrency: 1 };
const bulkBytes = 256 * 1024 ** 2;
const goal = 1.1;

const control = "control: docker run --rm";
const throughHost = "host, our client";
const oneHop = "no host: gRPC client straight to the executor";

/** A container: its program, and how much that writes. */
const noop = "true";
const bulk = `dd if=/dev/zero bs=65536 count=${bulkBytes / 65536} status=none`;

export const docker: Case = {
  name: "docker",
  summary: "a container through the docker executor, beside the docker run command",
  async run({ programs, directory, rounds = defaultRounds }) {
    const command = join(programs.pluginsDirs[0] ?? "", "dkron-executor-docker");
    if (!existsSync(command)) throw new Error(`not built: ${command}: run scripts/build`);
    await using engine = await startEngine();
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    await using direct = Worker.start<DirectWorker>(workerFile("direct"));
    await direct.call("launch", { command, directory });
    await using spawner = Worker.start<SpawnWorker>(workerFile("spawn"));

    const config = (program: string) => ({ ...engine.config, command: program });
    const dockerRun = (program: string) => `${engine.dockerRun} ${program}`;
    const request = (program: string) => ({ executor: "docker", config: config(program) });
    const noopSubjects: Subject[] = [
      each(control, () => spawner.call("burst", { command: ["/bin/sh", "-c", `exec ${dockerRun(noop)}`], ...noops })),
      each(oneHop, () => direct.call("burst", { config: config(noop), ...noops })),
      each(throughHost, () => client.call("burst", { kind: "client", request: request(noop), ...noops })),
    ];
    for (const { measure } of noopSubjects) await measure();
    const noopResults = await interleave(rounds, noopSubjects);
    const bulkResults = await interleave(rounds, [
      whole(control, () => spawner.call("receive", { command: dockerRun(bulk) })),
      whole(oneHop, () => direct.call("receive", { config: config(bulk) })),
      whole(throughHost, () => client.call("receive", { kind: "client", request: request(bulk) })),
    ]);
    return {
      goals: [
        atMost("a no-op container, executor over docker run", goal, "x", noopResults.ratio(oneHop, "p50Ms", control)),
        atMost(
          "256 MiB of output, executor over docker run",
          goal,
          "x",
          bulkResults.ratio(oneHop, "elapsedMs", control),
        ),
      ],
      sections: [
        section("No-op container", noopResults, [{ metric: "p50Ms", title: "p50 ms", ratioTo: control }]),
        section("256 MiB of output of a container", bulkResults, [
          { metric: "elapsedMs", title: "ms", ratioTo: control },
          { metric: "mbPerS", title: "MB/s" },
        ]),
      ],
    };
  },
};

function each(label: string, burst: () => Promise<{ p50Ms: number }>): Subject {
  return { label, measure: async () => ({ p50Ms: (await burst()).p50Ms }) };
}

function whole(label: string, receive: () => Promise<{ outputBytes: number; elapsedMs: number }>): Subject {
  return {
    label,
    async measure() {
      const { outputBytes, elapsedMs } = await receive();
      if (outputBytes < bulkBytes) throw new Error(`${outputBytes} of ${bulkBytes} bytes arrived`);
      return { elapsedMs, mbPerS: bulkBytes / 1000 / elapsedMs };
    },
  };
}

/** The engine of the tests; ended afterwards unless it was up before. */
async function startEngine(): Promise<
  AsyncDisposable & { readonly config: Record<string, string>; readonly dockerRun: string }
> {
  const isNew = await up(dockerService, (line) => process.stderr.write(`  ${line}\n`));
  const record = readRecord(dockerService.name);
  const { host, root, busybox } = record !== undefined && "endpoints" in record ? record.endpoints : {};
  if (host === undefined || root === undefined || busybox === undefined) throw new Error("the engine is not up");
  return {
    config: { image: busybox, endpoint: host, pull: "never" },
    dockerRun: `${join(root, "usr/bin/docker")} --host ${host} run --rm --network none ${busybox}`,
    async [Symbol.asyncDispose]() {
      if (isNew) await down(dockerService);
    },
  };
}
