import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ExecutionRequest } from "../../../host/client/types.ts";
import { collect, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import type { TestHost } from "../../support/test-host.ts";
import { ends, verdictOf, type FaultRow, type Verdict } from "./fault-row.ts";
import { impatient, seenByItsEnd, unanswered } from "./patience.ts";
import { play, type Play, type Stage } from "./stage.ts";

/** Which signal does it. The fixtures exit by themselves when they are asked to. */
const faults = {
  SIGKILL: "SIGKILL",
  SIGSEGV: "SIGSEGV",
  "exit 0": "SIGUSR1",
  "exit 1": "SIGUSR2",
  SIGSTOP: "SIGSTOP",
} as const satisfies Record<string, NodeJS.Signals>;

type Fault = keyof typeof faults;

const mortal = "mortal";
const lastWord = "last-word";
const slow = "slow";

/** The moments at which a process is struck. */
const phases = {
  /** It was started for an execution, and has not said yet where it listens. */
  handshake: (fault: Fault): Play => ({
    executors: [mortal],
    // The one before ends in order, and the next execution needs a new one.
    settings: { executorRecycleAfter: 1, executorStartTimeoutMs: fault === "SIGSTOP" ? 8_000 : 60_000 },
    prepare: async (host) => {
      writeFileSync(openOf(host), "");
      await host.plugins.script(slow, waitsAtItsStart(host));
    },
    scene: async (stage) => {
      const { host } = stage;
      await stage.succeed(through(stage, slow));
      await eventually("its process has ended", async () => (await stage.executor(slow)).processes.length === 0);
      rmSync(openOf(host));
      const waiting = collect(host.client.execute({ id: "struck", executor: slow, config: { file: openOf(host) } }));
      await eventually("the next one starts", () => existsSync(pidOf(host)));
      stage.open();
      await stage.strike(() => signal(Number(readFileSync(pidOf(host), "utf8")), fault));
      return { verdict: verdictOf((await waiting).result) };
    },
    next: (stage) => through(stage, slow),
  }),

  /** It has run something, and waits for more. */
  idle: (fault: Fault): Play => ({
    executors: [mortal],
    timeouts: fault === "SIGSTOP" ? impatient : {},
    scene: async (stage) => {
      await stage.succeed(through(stage, mortal));
      const [{ pid } = { pid: 0 }] = (await stage.executor(mortal)).processes;
      await stage.strike(() => signal(pid, fault));
      if (fault === "SIGSTOP") {
        // Nothing is to be seen of it but that it does not answer.
        const { result } = await collect(stage.host.client.execute(through(stage, mortal)));
        return { verdict: verdictOf(result) };
      }
      await eventually("it is seen", async () => (await stage.executor(mortal)).crashes === 1);
      return {};
    },
    next: (stage) => through(stage, mortal),
  }),

  /** It runs two executions. */
  running: (fault: Fault): Play => ({
    executors: [mortal],
    timeouts: fault === "SIGSTOP" ? impatient : {},
    scene: async (stage) => {
      const [struck, sibling] = [await stage.begin(waits(stage, "struck")), await stage.begin(waits(stage, "sibling"))];
      await stage.strike(() => signal(struck.pid, fault));
      const verdict = await stage.verdictOf(struck);
      return { verdict, siblings: [await stage.verdictOf(sibling)] };
    },
    next: (stage) => through(stage, mortal),
  }),

  /** It was told to cancel an execution, and is about to. */
  cancelling: (fault: Fault): Play => ({
    executors: [mortal],
    timeouts: fault === "SIGSTOP" ? impatient : {},
    scene: async (stage) => {
      const struck = await stage.begin(waits(stage, "struck"));
      await stage.host.client.cancel(struck.id, { graceMs: fault === "SIGSTOP" ? 500 : 60_000 });
      await until(struck.stream, (event) => event.type === "output");
      await stage.strike(() => signal(struck.pid, fault));
      return { verdict: await stage.verdictOf(struck) };
    },
    next: (stage) => through(stage, mortal),
  }),

  /** It has sent the result, and has not closed the stream. */
  "result sent": (fault: Fault): Play => ({
    executors: [lastWord],
    timeouts: fault === "SIGSTOP" ? impatient : {},
    scene: async (stage) => {
      const file = stage.host.path("sent");
      const struck = await stage.begin({ executor: lastWord, config: { file } });
      await eventually("the result is on its way", () => existsSync(file));
      await stage.strike(() => signal(struck.pid, fault));
      return { verdict: await stage.verdictOf(struck) };
    },
    next: (stage) => ({ executor: lastWord, config: { until: stage.open() } }),
  }),
} as const satisfies Record<string, (fault: Fault) => Play>;

const crashed = ends("EXECUTOR_CRASHED", "EXECUTOR_CRASHED", "UNKNOWN");
const neverStarted = ends("NOT_STARTED", "EXECUTOR_UNUSABLE", "NONE", "RETRYABLE");
const cancelled = ends("CANCELLED", "CANCELLED", "UNKNOWN");
const succeeded = ends("SUCCEEDED", "", "NONE");

/** What becomes of the execution, by phase; of an idle process there is none. */
const ending: Readonly<Record<keyof typeof phases, Verdict | undefined>> = {
  handshake: neverStarted,
  idle: undefined,
  running: crashed,
  cancelling: cancelled,
  "result sent": succeeded,
};

/** Where a process that stands still is another matter than one that is gone. */
const standstill: Partial<Record<keyof typeof phases, Verdict>> = {
  idle: ends("EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE", "NONE", "RETRYABLE"),
  running: ends("EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE", "UNKNOWN"),
};

/** By what that is found. */
const limit: Readonly<Record<keyof typeof phases, string>> = {
  handshake: "the limit of a start",
  idle: unanswered,
  running: unanswered,
  cancelling: "the end of the grace time",
  "result sent": unanswered,
};

/** Every fault at every phase. */
export const executorFaults: readonly FaultRow[] = (Object.keys(faults) as Fault[]).flatMap((fault) =>
  (Object.keys(phases) as (keyof typeof phases)[]).map((phase): FaultRow => {
    const stands = fault === "SIGSTOP";
    return {
      fault: stands ? "executor stopped by SIGSTOP" : `executor ended by ${fault}`,
      phase,
      ends: (stands ? standstill[phase] : undefined) ?? ending[phase],
      ...(phase === "running" && { siblings: "end alike" }),
      ...(stands ? { limit: limit[phase] } : { boundMs: seenByItsEnd }),
      play: () => play(phases[phase](fault)),
    };
  }),
);

function signal(pid: number, fault: Fault): void {
  process.kill(pid, faults[fault]);
}

/** An execution that waits for a file that never comes. */
function waits(stage: Stage, id: string): ExecutionRequest {
  return { id, executor: mortal, config: { file: stage.host.path("never") } };
}

/** An execution that ends at once. */
function through(stage: Stage, executor: string): ExecutionRequest {
  return { executor, config: { file: stage.open() } };
}

function openOf(host: TestHost): string {
  return host.path("open");
}

function pidOf(host: TestHost): string {
  return host.path("pid");
}

/** A launcher that says who it is, and goes on when a file is there, unless it was there from the beginning. */
function waitsAtItsStart(host: TestHost): string {
  return `#!/bin/sh
if [ ! -e '${openOf(host)}' ]; then
  trap 'exit 0' USR1
  trap 'exit 1' USR2
  echo $$ > '${pidOf(host)}.new'
  mv '${pidOf(host)}.new' '${pidOf(host)}'
  while :; do sleep 0.02; done
fi
exec "$(dirname "$0")/dkron-executor-${mortal}"
`;
}
