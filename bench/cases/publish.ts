import { randomUUID } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { burstsSubject } from "../lib/bursts.ts";
import { workerFile, type Case, type CaseContext } from "../lib/case.ts";
import { buildLoadClient, GoClient } from "../lib/go-client.ts";
import { HostProcess } from "../lib/host-process.ts";
import { memoryOf, privateMb } from "../lib/proc.ts";
import { atMost, section, type Column, type Report } from "../lib/report.ts";
import { interleave, type Results } from "../lib/rounds.ts";
import { bringUp } from "../lib/services.ts";
import { startExecutor } from "../lib/start-executor.ts";
import { findTool } from "../lib/tools.ts";
import { Worker } from "../lib/worker.ts";
import type { System, Target } from "../systems/system.ts";
import { systems } from "../systems/systems.ts";
import type { ClientWorker } from "../workers/client.ts";
import type { DirectWorker } from "../workers/direct.ts";
import type { PublishWorker } from "../workers/publish.ts";
import type { SpawnWorker } from "../workers/spawn.ts";

const defaultRounds = 3;
/** Until the code is compiled that runs with every message. */
const warmUps = 2;
const single = { count: 300, concurrency: 1 };
const many = { count: 1_280, concurrency: 64 };
const bursts = { single, many };
const processes = { count: 10, concurrency: 1 };
const message = "x".repeat(100);
const idleMs = 500;
/** Times the library alone, and milliseconds. */
const goal = { factor: 2, plusMs: 1 };
const alone = "control: the client library alone";
const oneHop = "no host: gRPC client straight to the executor";
const throughHost = "host, our client";
const throughHostGo = "host, a client in Go";

/** A system that is up, and what is published to it. */
interface Reached {
  readonly system: System;
  readonly target: Target;
}

export const publish: Case = {
  name: "publish",
  summary: "a small message by each executor that publishes, beside its client library and the usual program",
  async run(context) {
    await using services = await bringUp(systems.map(({ name }) => name));
    const messageFile = join(context.directory, "message");
    await writeFile(messageFile, message);
    const reached = systems.flatMap((system): Reached[] => {
      const endpoints = services.endpoints.get(system.name);
      const name = `bench-${randomUUID()}`;
      return endpoints === undefined ? [] : [{ system, target: { endpoints, name, message, messageFile } }];
    });
    const goProgram = await buildLoadClient(context.directory);
    const reports: Report[] = [];
    for (const each of reached) reports.push(await measureMessages(context, each, goProgram));
    return {
      goals: reports.flatMap(({ goals }) => goals),
      sections: [
        ...reports.flatMap(({ sections }) => sections),
        ...(reached.length > 0
          ? [section("Executors that publish", await measureIdle(context, reached), idleColumns)]
          : []),
        ...services.problems.map((problem) => `Left out: ${problem}\n`),
      ],
    };
  },
};

/** @param goProgram the client in Go, where Go is here; without it, our own is measured against the goal */
async function measureMessages(context: CaseContext, each: Reached, goProgram: string | undefined): Promise<Report> {
  const { system, target } = each;
  const { name, tool } = system;
  await using publisher = await openTarget(each);
  await using host = await HostProcess.start(context);
  await using client = Worker.start<ClientWorker>(workerFile("client"));
  await client.call("connect", { address: host.address });
  await using goClient = goProgram === undefined ? undefined : new GoClient(goProgram, host.address);
  await using spawner = Worker.start<SpawnWorker>(workerFile("spawn"));

  await using direct = Worker.start<DirectWorker>(workerFile("direct"));
  const command = pathOf(context, system);
  const directExecutor = await direct.call("launch", { command, directory: context.directory });

  const config = system.config(target);
  const request = { executor: name, config };
  await client.call("receive", { kind: "client", request });
  const executor = await client.call("executorPid", { executor: name });
  const subjects = [
    burstsSubject(alone, bursts, (options) => publisher.call("burst", options), {
      client: publisher.pid,
      host: undefined,
      executor: undefined,
    }),
    burstsSubject(oneHop, bursts, (options) => direct.call("burst", { config, ...options }), {
      client: direct.pid,
      host: undefined,
      executor: directExecutor,
    }),
    burstsSubject(throughHost, bursts, (options) => client.call("burst", { kind: "client", request, ...options }), {
      client: client.pid,
      host: host.pid,
      executor,
    }),
  ];
  if (goClient !== undefined) {
    subjects.push(
      burstsSubject(throughHostGo, bursts, (options) => goClient.burst(request, options), {
        client: goClient.pid,
        host: host.pid,
        executor,
      }),
    );
  }
  for (let warmUp = 0; warmUp < warmUps; warmUp++) for (const { measure } of subjects) await measure();
  const program = tool && (await findTool(tool, context.directory));
  if (tool !== undefined && program !== undefined) {
    const toolCommand = [program, ...tool.args(target)] as const;
    subjects.push({
      label: `${tool.program}, a process per message`,
      measure: async () => ({ p50Ms: (await spawner.call("burst", { command: toolCommand, ...processes })).p50Ms }),
    });
  }
  const results = await interleave(context.rounds ?? defaultRounds, subjects);
  const aloneMs = results.median(alone, "p50Ms");
  return {
    goals: [
      atMost(
        `${name} message through the host, p50, against ${goal.factor}x the library alone + ${goal.plusMs} ms`,
        aloneMs * goal.factor + goal.plusMs,
        "ms",
        results.median(goClient === undefined ? throughHost : throughHostGo, "p50Ms"),
      ),
    ],
    sections: [
      section(
        `A message by the ${name} executor`,
        results,
        messageColumns,
        tool === undefined || program !== undefined
          ? []
          : [`Left out: ${tool.program} is not installed, and Go has not made it.`],
      ),
    ],
  };
}

function pathOf({ programs }: CaseContext, { name }: System): string {
  return join(dirname(programs.shell), `dkron-executor-${name}`);
}

/** The worker that makes the target, and removes it when it ends: so it must be there longest. */
async function openTarget({ system, target }: Reached): Promise<Worker<PublishWorker>> {
  const publisher = Worker.start<PublishWorker>(workerFile("publish"), ["--no-warnings"]);
  try {
    await publisher.call("open", { system: system.name, target });
    return publisher;
  } catch (error) {
    await publisher[Symbol.asyncDispose]();
    throw error;
  }
}

const messageColumns: readonly Column[] = [
  { metric: "p50Ms", title: "one at a time: p50 ms", ratioTo: alone },
  { metric: "p99Ms", title: "p99 ms" },
  { metric: "onePerSecond", title: "/s" },
  { metric: "perSecond", title: `${many.concurrency} at once: /s`, ratioTo: alone },
  { metric: "clientUs", title: "CPU µs each: client" },
  { metric: "hostUs", title: "host" },
  { metric: "executorUs", title: "executor" },
];

/** A process that nobody has called, and the host's own after a message. */
async function measureIdle(context: CaseContext, reached: readonly Reached[]): Promise<Results> {
  const sockets = await mkdtemp(join(context.directory, "s-"));
  await using client = Worker.start<ClientWorker>(workerFile("client"));
  return await interleave(
    context.rounds ?? defaultRounds,
    reached.map((each) => ({
      label: each.system.name,
      async measure() {
        const { system, target } = each;
        await using fresh = await startExecutor(pathOf(context, system), sockets, true);
        await using _publisher = await openTarget(each);
        await using host = await HostProcess.start(context);
        await client.call("connect", { address: host.address });
        await client.call("receive", {
          kind: "client",
          request: { executor: system.name, config: system.config(target) },
        });
        const used = await client.call("executorPid", { executor: system.name });
        await sleep(idleMs);
        return {
          ms: fresh.elapsedMs,
          freshMb: memoryOf(fresh.pid).rssMb,
          usedMb: memoryOf(used).rssMb,
          privateMb: privateMb(used),
        };
      },
    })),
  );
}

const idleColumns: readonly Column[] = [
  { metric: "ms", title: "start, AutoMTLS: ms" },
  { metric: "freshMb", title: "RSS before its first message, MB" },
  { metric: "usedMb", title: "RSS after it, MB" },
  { metric: "privateMb", title: "of it private, MB" },
];
