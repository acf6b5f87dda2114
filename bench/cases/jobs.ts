import { setTimeout as sleep } from "node:timers/promises";
import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { descendantsOf, descriptorsOf, memoryOf } from "../lib/proc.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { JobsWorker } from "../workers/jobs.ts";

const running = 2_000;
const queued = 10_000;
const settleMs = 3_000;
const label = `${running} running, ${queued} queued`;
/** Longer than everything here takes. */
const command = "sleep 600";

export const jobs: Case = {
  name: "jobs",
  summary:
    "2,000 shell jobs at once with 10,000 in the queue: memory, descriptors, and how long it takes to be rid of them; writes jobs.md",
  page: "jobs.md",
  async run({ programs, directory, rounds = 1 }) {
    const results = await interleave(rounds, [
      {
        label,
        async measure() {
          await using host = await HostProcess.start({
            programs,
            directory,
            settings: {
              EXECUTOR_HOST_MAX_CONCURRENT_EXECUTIONS: String(running),
              EXECUTOR_HOST_MAX_CONCURRENT_PER_EXECUTOR: String(running),
              EXECUTOR_HOST_MAX_QUEUED_EXECUTIONS: String(queued + running),
            },
          });
          await using client = Worker.start<JobsWorker>(workerFile("jobs"));
          await client.call("connect", { address: host.address });
          const executor = await client.call("first", { request: { executor: "shell", config: { command: "true" } } });
          const own = descendantsOf(executor).length;
          const request = { executor: "shell", config: { command } };
          const { acceptedMs } = await client.call("submit", { request, count: running + queued });
          const { runningMs } = await client.call("untilRunning", { count: running });
          await sleep(settleMs);
          const before = {
            hostMb: memoryOf(host.pid).rssMb,
            hostDescriptors: descriptorsOf(host.pid),
            executorMb: memoryOf(executor).rssMb,
            executorDescriptors: descriptorsOf(executor),
            processes: descendantsOf(executor).length - own,
          };
          const { cancelledMs, endedMs } = await client.call("cancelAll", undefined);
          await sleep(settleMs);
          return {
            acceptedS: acceptedMs / 1000,
            runningS: runningMs / 1000,
            ...before,
            cancelledS: cancelledMs / 1000,
            endedS: endedMs / 1000,
            leftProcesses: descendantsOf(executor).length - own,
            leftDescriptors: descriptorsOf(executor),
            leftHostDescriptors: descriptorsOf(host.pid),
          };
        },
      },
    ]);
    const [left = Number.NaN] = results.values(label, "leftProcesses");
    return {
      goals: [
        atMost(`host with ${label}, RSS`, 400, "MB", results.median(label, "hostMb")),
        atMost("processes left when all of them were cancelled", 0, "", left),
      ],
      sections: [
        section("Many jobs: what is there", results, [
          { metric: "acceptedS", title: "all accepted after: s" },
          { metric: "runningS", title: `${running} running after: s` },
          { metric: "hostMb", title: "host: RSS, MB" },
          { metric: "hostDescriptors", title: "descriptors" },
          { metric: "executorMb", title: "executor: RSS, MB" },
          { metric: "executorDescriptors", title: "descriptors" },
          { metric: "processes", title: "processes of jobs" },
        ]),
        section("Many jobs: to be rid of them", results, [
          { metric: "cancelledS", title: "all cancels answered after: s" },
          { metric: "endedS", title: "all ended after: s" },
          { metric: "leftProcesses", title: "processes left" },
          { metric: "leftDescriptors", title: "descriptors of the executor" },
          { metric: "leftHostDescriptors", title: "of the host" },
        ]),
      ],
    };
  },
};
