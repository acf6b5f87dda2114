import { burstsSubject } from "../lib/bursts.ts";
import type { Case } from "../lib/case.ts";
import { workerFile } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atLeast, atMost, section, type Column } from "../lib/report.ts";
import { interleave } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientKind, ClientWorker } from "../workers/client.ts";
import type { DirectWorker } from "../workers/direct.ts";
import type { EchoWorker } from "../workers/echo.ts";

const defaultRounds = 7;
const single = { count: 500, concurrency: 1 };
const many = { count: 3_000, concurrency: 64 };
const bursts = { single, many };
const messageBytes = 200;
const warmUps = 2;
const echoOneHop = "control: grpc-js unary echo, one hop";
const echoTwoHops = "control: grpc-js unary echo, two hops";
const throughHost = "host, our client";
const throughHostGrpc = "host, bare gRPC client";

export const noop: Case = {
  name: "noop",
  summary: "an execution that does nothing: client, host and executor, each a process",
  async run({ programs, directory, rounds = defaultRounds }) {
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    await using direct = Worker.start<DirectWorker>(workerFile("direct"));
    const directExecutor = await direct.call("launch", { command: programs.noop, directory });
    await using far = Worker.start<EchoWorker>(workerFile("echo"));
    await far.call("serve", { path: `${directory}/far` });
    await using relay = Worker.start<EchoWorker>(workerFile("echo"));
    await relay.call("serve", { path: `${directory}/near`, next: `${directory}/far` });
    await using echoOne = Worker.start<EchoWorker>(workerFile("echo"));
    await echoOne.call("connect", { path: `${directory}/far` });
    await using echoTwo = Worker.start<EchoWorker>(workerFile("echo"));
    await echoTwo.call("connect", { path: `${directory}/near` });

    const request = { executor: "noop" };
    const runThroughHost = (kind: ClientKind) => (options: typeof many) =>
      client.call("burst", { kind, request, ...options });
    await runThroughHost("client")({ count: 1, concurrency: 1 });
    const executor = await client.call("executorPid", { executor: "noop" });
    const hostPids = { client: client.pid, host: host.pid, executor };
    const subjects = [
      burstsSubject(throughHost, bursts, runThroughHost("client"), hostPids),
      burstsSubject(throughHostGrpc, bursts, runThroughHost("grpc"), hostPids),
      burstsSubject(
        "no host: gRPC client straight to the executor",
        bursts,
        (options) => direct.call("burst", { config: {}, ...options }),
        {
          client: direct.pid,
          host: undefined,
          executor: directExecutor,
        },
      ),
      burstsSubject(echoOneHop, bursts, (options) => echoOne.call("burst", { bytes: messageBytes, ...options }), {
        client: echoOne.pid,
        host: undefined,
        executor: far.pid,
      }),
      burstsSubject(echoTwoHops, bursts, (options) => echoTwo.call("burst", { bytes: messageBytes, ...options }), {
        client: echoTwo.pid,
        host: relay.pid,
        executor: far.pid,
      }),
    ];
    for (let warmUp = 0; warmUp < warmUps; warmUp++) for (const each of subjects) await each.measure();
    const results = await interleave(rounds, subjects);

    const columns: Column[] = [
      { metric: "p50Ms", title: "one at a time: p50 ms", ratioTo: echoTwoHops },
      { metric: "p99Ms", title: "p99 ms" },
      { metric: "perSecond", title: `${many.concurrency} at once: /s`, ratioTo: echoTwoHops },
      { metric: "clientUs", title: "CPU µs each: client" },
      { metric: "hostUs", title: "host" },
      { metric: "executorUs", title: "executor" },
    ];
    return {
      goals: [
        atMost("no-op execution through the host, one at a time, p50", 1.5, "ms", results.median(throughHost, "p50Ms")),
        atLeast("no-op executions, 64 at once", 1_500, "/s", results.median(throughHost, "perSecond")),
      ],
      sections: [section("No-op execution", results, columns, [])],
    };
  },
};
