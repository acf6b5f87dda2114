import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 15;
const noop = "executor that does nothing";
const shell = "shell executor with a running job";

export const crash: Case = {
  name: "crash",
  summary: "from SIGKILL of an executor's process to the result EXECUTOR_CRASHED at the client",
  async run({ programs, directory, rounds = defaultRounds }) {
    await using host = await HostProcess.start({ programs, directory });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    const crashOf = (executor: string, config: Readonly<Record<string, string>>) => async () => ({
      ms: await client.call("crash", { request: { executor, config } }),
    });
    const results = await interleave(rounds, [
      { label: noop, measure: crashOf("noop", { wait: "true" }) },
      { label: shell, measure: crashOf("shell", { command: "sleep 60" }) },
    ]);
    return {
      goals: [
        atMost("crash of an executor until its execution has ended", 20, "ms", results.median(noop, "ms")),
        atMost("the same with a shell job, which is killed as well", 20, "ms", results.median(shell, "ms")),
      ],
      sections: [
        section("Crash of an executor, until the client has the result", results, [{ metric: "ms", title: "ms" }]),
      ],
    };
  },
};
