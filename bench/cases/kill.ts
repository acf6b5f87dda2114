import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave, type Subject } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 5;
const killsPerRound = 40;
const graceMs = 200;
const stubborn = "tree that ignores SIGTERM and leaves its session";
/** Both have a child, a grandchild, and one that left the session. They write the pids of all. */
const trees = {
  "tree that ends on SIGTERM": `
setsid sh -c 'echo $$; exec sleep 1000' &
sh -c 'sleep 1000 & echo $!; echo $$; wait' &
sleep 0.02; echo $$; echo ready; wait`,
  [stubborn]: `trap '' TERM INT HUP
setsid sh -c 'echo $$; while :; do sleep 1000; done' &
sh -c 'sleep 1000 & echo $!; echo $$; while :; do wait; done' &
sleep 0.02; echo $$; echo ready; while :; do wait; done`,
};

export const kill: Case = {
  name: "kill",
  summary: "from the cancel of a shell job to the result that says that nothing of its process tree is left",
  async run({ programs, directory, rounds = defaultRounds }) {
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    const subjects = Object.entries(trees).map(([label, command]): Subject => {
      const request = { executor: "shell", config: { command, shell: "true" } };
      return { label, measure: () => client.call("kill", { request, graceMs, count: killsPerRound }) };
    });
    const results = await interleave(rounds, subjects);
    return {
      goals: [
        atMost(
          `a tree that ignores SIGTERM is gone, p99, after a grace of ${graceMs} ms`,
          graceMs + 50,
          "ms",
          results.median(stubborn, "p99Ms"),
        ),
      ],
      sections: [
        section(
          `Cancel of a process tree of five, grace ${graceMs} ms, until it is verified that nothing is left`,
          results,
          [
            { metric: "p50Ms", title: "p50 ms" },
            { metric: "p99Ms", title: "p99 ms" },
          ],
        ),
      ],
    };
  },
};
