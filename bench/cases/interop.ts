import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Agent } from "../../test/interop/dkron/agent.ts";
import { buildPeer, skipWithoutGo } from "../../test/interop/dkron/peers.ts";
import type { BurstOptions } from "../lib/burst.ts";
import { workerFile, type Case, type CaseContext } from "../lib/case.ts";
import { buildLoadClient, GoClient } from "../lib/go-client.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atLeast, atMost, section } from "../lib/report.ts";
import { interleave, type Results, type Subject } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 5;
const release = "v4.0.9";
const single = { count: 200, concurrency: 1 };
const many = { count: 1_500, concurrency: 64 };
/** The first one starts 64 processes of every executor that is not shared. */
const warmUps = 2;
const asInDkron = "control: Go host, Go executor, as in Dkron";
const goHere = "host, the same Go executor, Dkron's contract";
const native = "host, our executor, native contract";
const nativeFromNode = `${native}, our client`;
const oursInDkron = "Go host, our executor, Dkron's contract";
const goHereClear = `${goHere}, auto-mtls off`;

export const interop: Case = {
  name: "interop",
  summary:
    "the same no-op execution under a Go host as in Dkron and under this one, with executors in Go and in TypeScript",
  async run(context) {
    if (skipWithoutGo !== false) return { goals: [], sections: [`### Interop with Dkron\n\n${skipWithoutGo}\n`] };
    const directory = join(context.directory, "go");
    await mkdir(directory);
    const goExecutor = join(directory, "dkron-executor-go");
    await symlink(await buildPeer("executor", release), goExecutor);
    const { programs } = context;
    const here = { ...context, programs: { ...programs, pluginsDirs: [...programs.pluginsDirs, directory] } };
    await using agent = await Agent.start(await buildPeer("agent", release), [directory, dirname(programs.noop)], {
      ...process.env,
      TMPDIR: context.directory,
    });
    const executions = await measureExecutions(here, agent);
    const starts = await measureStarts(here, agent, goExecutor);
    const faster = `of our host and native executor, against a Go host with a Go executor`;
    return {
      goals: [
        atLeast(`no-op executions, 64 at once, ${faster}`, 1, "x", executions.ratio(native, "perSecond", asInDkron)),
        atMost(`p50 one at a time ${faster}`, 1, "x", executions.ratio(native, "p50Ms", asInDkron)),
      ],
      sections: [
        section("No-op execution, beside Dkron's way", executions, [
          { metric: "p50Ms", title: "one at a time: p50 ms", ratioTo: asInDkron },
          { metric: "p99Ms", title: "p99 ms" },
          { metric: "perSecond", title: `${many.concurrency} at once: /s`, ratioTo: asInDkron },
        ]),
        section("One execution in a fresh process: from its start to the result", starts, [
          { metric: "ms", title: "ms", ratioTo: asInDkron },
        ]),
      ],
    };
  },
};

async function measureExecutions(context: CaseContext, agent: Agent): Promise<Results> {
  await using host = await HostProcess.start(context);
  const program = await buildLoadClient(context.directory);
  if (program === undefined) throw new Error("go is here for the peers, and must be for the client");
  await using goClient = new GoClient(program, host.address);
  await using client = Worker.start<ClientWorker>(workerFile("client"));
  await client.call("connect", { address: host.address });
  const subject = (label: string, run: (options: BurstOptions) => Promise<Burst>): Subject => ({
    label,
    async measure() {
      const { p50Ms, p99Ms } = await run(single);
      const { perSecond } = await run(many);
      return { p50Ms, p99Ms, perSecond };
    },
  });
  const throughHost = (executor: string) => (options: BurstOptions) => goClient.burst({ executor }, options);
  const subjects = [
    subject(asInDkron, (options) => agent.burst("go", options)),
    subject(goHere, throughHost("go")),
    subject(native, throughHost("noop")),
    subject(nativeFromNode, (options) =>
      client.call("burst", { kind: "client", request: { executor: "noop" }, ...options }),
    ),
    subject(oursInDkron, (options) => agent.burst("noop", options)),
  ];
  for (let warmUp = 0; warmUp < warmUps; warmUp++) for (const each of subjects) await each.measure();
  return await interleave(context.rounds ?? defaultRounds, subjects);
}

/** Every execution has a process of its own, of which the last one is stopped meanwhile. */
async function measureStarts(context: CaseContext, agent: Agent, goExecutor: string): Promise<Results> {
  const recycle = { EXECUTOR_HOST_EXECUTOR_RECYCLE_AFTER: "1" };
  await using host = await HostProcess.start({ ...context, settings: recycle });
  await using clear = await HostProcess.start({
    ...context,
    settings: { ...recycle, EXECUTOR_HOST_AUTO_MTLS: "false" },
  });
  await using client = Worker.start<ClientWorker>(workerFile("client"));
  await using clearClient = Worker.start<ClientWorker>(workerFile("client"));
  await client.call("connect", { address: host.address });
  await clearClient.call("connect", { address: clear.address });
  const throughHost = (label: string, worker: Worker<ClientWorker>, executor: string): Subject => ({
    label,
    async measure() {
      const { p50Ms } = await worker.call("burst", { kind: "client", request: { executor }, count: 1, concurrency: 1 });
      return { ms: p50Ms };
    },
  });
  const subjects: Subject[] = [
    { label: asInDkron, measure: async () => ({ ms: (await agent.start(goExecutor)).p50Ms }) },
    throughHost(goHere, client, "go"),
    throughHost(goHereClear, clearClient, "go"),
    throughHost(native, client, "noop"),
  ];
  for (const each of subjects) await each.measure();
  return await interleave((context.rounds ?? defaultRounds) * 3, subjects);
}

type Burst = Readonly<Record<"p50Ms" | "p99Ms" | "perSecond", number>>;
