import { workerFile, type Case } from "../lib/case.ts";
import { HostProcess } from "../lib/host-process.ts";
import { atMost, section } from "../lib/report.ts";
import { interleave } from "../lib/rounds.ts";
import { Worker } from "../lib/worker.ts";
import type { ClientWorker } from "../workers/client.ts";

const defaultRounds = 15;
const noop = "executor that does nothing";
const shell = "shell executor with a running job";

type Config = Readonly<Record<string, string>>;

export const crash: Case = {
  name: "crash",
  summary:
    "from SIGKILL of an executor's process to the result EXECUTOR_CRASHED at the client, and to the next success",
  async run({ programs, directory, rounds = defaultRounds }) {
    // More crashes than are allowed in a minute.
    await using host = await HostProcess.start({
      programs,
      directory,
      settings: { EXECUTOR_HOST_EXECUTOR_CRASH_LIMIT: "0" },
    });
    await using client = Worker.start<ClientWorker>(workerFile("client"));
    await client.call("connect", { address: host.address });
    const crashOf = (executor: string, config: Config, harmless: Config) => async () => {
      const next = { executor, config: harmless };
      const { killedAtMs, ...took } = await client.call("crash", { request: { executor, config }, next });
      return { ...took, seenMs: lastCrashAtMs(host.log) - killedAtMs };
    };
    const results = await interleave(rounds, [
      { label: noop, measure: crashOf("noop", { wait: "true" }, {}) },
      { label: shell, measure: crashOf("shell", { command: "sleep 60" }, { command: "true" }) },
    ]);
    return {
      goals: [
        atMost("crash of an executor until the host has seen it", 10, "ms", results.median(noop, "seenMs")),
        atMost("crash of an executor until its execution has ended", 20, "ms", results.median(noop, "ms")),
        atMost("the same with a shell job, which is killed as well", 20, "ms", results.median(shell, "ms")),
      ],
      sections: [
        section("Crash of an executor", results, [
          { metric: "seenMs", title: "until the host has seen it: ms" },
          { metric: "ms", title: "until the client has the result: ms" },
          { metric: "restartMs", title: "from there to the next success: ms" },
        ]),
      ],
    };
  },
};

/** By the host's own log, to the millisecond. */
function lastCrashAtMs(log: string): number {
  const line = log.split("\n").findLast((each) => each.includes('"executor crashed"')) ?? "{}";
  return Date.parse((JSON.parse(line) as { time?: string }).time ?? "");
}
