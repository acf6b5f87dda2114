import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave } from "../lib/rounds.ts";
import { withCrasher } from "../lib/with-crasher.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";
import type { SoakWorker } from "../workers/soak.ts";

const defaultRounds = 7;
const pace = { count: 1_000, concurrency: 1, everyMs: 10 };
const alone = "control: nothing else going on";
const beside = "control: the same breaks in another host beside it";
const disturbed = "one executor crashes and five shell jobs are killed, every second";
const rates = { crashesPerSecond: 1, killsPerSecond: 5 };

export const neighbours: Case = {
  name: "neighbours",
  summary: "executions of one executor while others crash and jobs are killed",
  async run({ programs, directory, rounds = defaultRounds }) {
    const options = {
      programs: await withCrasher(programs, directory),
      directory,
      settings: { EXECUTOR_HOST_EXECUTOR_CRASH_LIMIT: "0" },
    };
    await using host = await HostProcess.start(options);
    await using another = await HostProcess.start(options);
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    await using others = Worker.start<SoakWorker>(workerFile("soak"));
    const measure = () => client.call("burst", { kind: "client", request: { executor: "noop" }, ...pace });
    const measureWhileBreaking = async ({ address }: HostProcess) => {
      await others.call("connect", { address });
      await others.call("disturb", rates);
      const measured = await measure();
      return { ...measured, ...(await others.call("leaveAlone", undefined)) };
    };
    await measure();
    const results = await interleave(rounds, [
      { label: alone, measure: async () => ({ ...(await measure()) }) },
      { label: beside, measure: () => measureWhileBreaking(another) },
      { label: disturbed, measure: () => measureWhileBreaking(host) },
    ]);
    return {
      goals: [
        atMost(
          "p99 of an executor's executions while others crash and jobs are killed, against peace",
          1.2,
          "x",
          results.ratio(disturbed, "p99Ms", alone),
        ),
        atMost(
          "the same, against the same in another host on this machine",
          1.2,
          "x",
          results.ratio(disturbed, "p99Ms", beside),
        ),
      ],
      sections: [
        section("Neighbours of what breaks: no-op executions, one each 10 ms", results, [
          { metric: "p50Ms", title: "p50 ms", ratioTo: alone },
          { metric: "p99Ms", title: "p99 ms", ratioTo: alone },
          { metric: "crashes", title: "crashes meanwhile" },
          { metric: "kills", title: "kills" },
        ]),
      ],
    };
  },
};
