import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { section } from "../lib/report.ts";
import { interleave, type Subject } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 7;
const single = { count: 100, concurrency: 1 };
const many = { count: 200, concurrency: 8 };
const least = "session: the least there is";
const command = "/bin/true";

const levels: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [least]: {},
  "no new privileges": { no_new_privs: "true" },
  "another user": { user: "nobody" },
  "memory and process limits, by cgroups": { mem_limit: "1GB", pids_limit: "100" },
  cgroup: { isolation: "cgroup" },
  "pid namespace": { isolation: "pid-namespace" },
  "all of them": {
    isolation: "pid-namespace",
    no_new_privs: "true",
    user: "nobody",
    mem_limit: "1GB",
    pids_limit: "100",
  },
};

export const isolation: Case = {
  name: "isolation",
  summary: "what each level of isolation adds to a shell job that runs `true`; needs root and cgroups",
  async run({ programs, directory, rounds = defaultRounds }) {
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    const subjects = Object.entries(levels).map(([label, level]): Subject => {
      const request = { executor: "shell", config: { command, ...level } };
      const run = (options: typeof many) => client.call("burst", { kind: "client", request, ...options });
      return {
        label,
        async measure() {
          const { p50Ms, p99Ms } = await run(single);
          return { p50Ms, p99Ms, perSecond: (await run(many)).perSecond };
        },
      };
    });
    for (const each of subjects) await each.measure();
    const results = await interleave(rounds, subjects);
    return {
      goals: [],
      sections: [
        section("Shell job `true`, by level of isolation", results, [
          { metric: "p50Ms", title: "one at a time: p50 ms", ratioTo: least },
          { metric: "p99Ms", title: "p99 ms" },
          { metric: "perSecond", title: `${many.concurrency} at once: /s`, ratioTo: least },
        ]),
      ],
    };
  },
};
