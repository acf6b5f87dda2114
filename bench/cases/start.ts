import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeFlagsOf } from "../../scripts/lib/bundle.ts";
import { workerFile, type Case, type CaseContext } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { memoryOf, privateMb } from "../lib/proc.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave, type Results } from "../lib/rounds.ts";
import { startExecutor } from "../lib/start-executor.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 15;
const idleMs = 2_000;
const node = "control: node -e 0, to its exit";
const shellClear = "shell executor, plaintext";
const shellTls = "shell executor, AutoMTLS";
const firstJob = "host, to the result of its first shell job";
const idleNode = "control: node, TLS and HTTP/2 loaded";
const idleHost = "host, no executor running";
const busyHost = "host, two executors running";
const idleShell = "shell executor";
const idleNoop = "executor that does nothing";

export const start: Case = {
  name: "start",
  summary: "how fast executors and the host are there, and what they need when idle",
  async run(context) {
    const { programs, rounds = defaultRounds } = context;
    const sockets = await mkdtemp(join(context.directory, "s-"));
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    const starts = await interleave(rounds, [
      { label: node, measure: async () => ({ ms: await untilExit(process.execPath, ["-e", "0"]) }) },
      {
        label: "executor that does nothing, plaintext",
        measure: async () => ({ ms: await untilHandshake(programs.noop, sockets, false) }),
      },
      {
        label: "executor that does nothing, AutoMTLS",
        measure: async () => ({ ms: await untilHandshake(programs.noop, sockets, true) }),
      },
      { label: shellClear, measure: async () => ({ ms: await untilHandshake(programs.shell, sockets, false) }) },
      { label: shellTls, measure: async () => ({ ms: await untilHandshake(programs.shell, sockets, true) }) },
      { label: firstJob, measure: async () => ({ ms: await untilFirstResult(context, client) }) },
    ]);
    const memory = await idleMemory(context, client, Math.ceil(rounds / 3));
    const ratio = (label: string): number => starts.ratio(label, "ms", node);
    return {
      goals: [
        atMost("executor start, plaintext, against `node -e 0`", 3, "x", ratio(shellClear)),
        atMost("executor start, AutoMTLS, against `node -e 0`", 4, "x", ratio(shellTls)),
        atMost("host start to the result of its first shell job", 500, "ms", starts.median(firstJob, "ms")),
        atMost("idle shell executor, RSS", 60, "MB", memory.median(idleShell, "rssMb")),
        atMost("idle host, RSS", 90, "MB", memory.median(idleHost, "rssMb")),
      ],
      sections: [
        section("Start: from spawn until it serves", starts, [{ metric: "ms", title: "ms", ratioTo: node }]),
        section(`Memory, ${idleMs / 1000} s after the last thing to do`, memory, [
          { metric: "rssMb", title: "RSS, MB", ratioTo: idleNode },
          { metric: "privateMb", title: "private, MB" },
        ]),
      ],
    };
  },
};

async function untilExit(file: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await once(spawn(file, args, { stdio: "ignore", env: {} }), "exit");
  return performance.now() - startedMs;
}

async function untilHandshake(executor: string, sockets: string, tls: boolean): Promise<number> {
  await using started = await startExecutor(executor, sockets, tls);
  return started.elapsedMs;
}

async function untilFirstResult(context: CaseContext, client: Worker<ClientWorker>): Promise<number> {
  await using host = await HostProcess.start(context);
  await client.call("connect", { address: host.address });
  await client.call("receive", { kind: "client", request: shellRequest });
  return performance.now() - host.spawnedMs;
}

/** One fresh host per round: without executors first, then with two. */
async function idleMemory(context: CaseContext, client: Worker<ClientWorker>, rounds: number): Promise<Results> {
  let host: HostProcess | undefined;
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(async () => host?.[Symbol.asyncDispose]());
  const settled = async (pid: number) => {
    await sleep(idleMs);
    return { rssMb: memoryOf(pid).rssMb, privateMb: privateMb(pid) };
  };
  const running = async (executor: string) => settled(await client.call("executorPid", { executor }));
  return await interleave(rounds, [
    {
      label: idleNode,
      async measure() {
        const file = join(import.meta.dirname, "../fixtures/idle.cjs");
        const child = spawn(process.execPath, [...nodeFlagsOf("executor"), file], { stdio: "ignore", env: {} });
        const exited = once(child, "exit");
        const measured = await settled(child.pid ?? 0);
        child.kill();
        await exited;
        return measured;
      },
    },
    {
      label: idleHost,
      async measure() {
        await host?.[Symbol.asyncDispose]();
        host = await HostProcess.start(context);
        await client.call("connect", { address: host.address });
        return settled(host.pid);
      },
    },
    {
      label: busyHost,
      async measure() {
        await client.call("receive", { kind: "client", request: shellRequest });
        await client.call("receive", { kind: "client", request: { executor: "noop" } });
        return settled(host?.pid ?? 0);
      },
    },
    { label: idleShell, measure: () => running("shell") },
    { label: idleNoop, measure: () => running("noop") },
  ]);
}

const shellRequest = { executor: "shell", config: { command: "true" } };
