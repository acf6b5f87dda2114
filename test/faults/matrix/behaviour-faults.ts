import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionRequest } from "../../../host/client/types.ts";
import { pluginsDir, skipUnlessBuilt } from "../../support/built-executor.ts";
import { outputOf, until } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { ends, verdictOf, type FaultRow, type Played } from "./fault-row.ts";
import { impatient, seenByItsEnd, unanswered } from "./patience.ts";
import { play, type Stage } from "./stage.ts";

const violation = ends("FAILED", "PROTOCOL_VIOLATION", "UNKNOWN");
const floodBytes = 24 * 1024 ** 2;
const pidsLimit = 40;
/** Doubles until it may not, and would end at some thousands where nobody held it. Its first process needs no fork to go on. */
const forkBomb = `
bomb() { [ "$1" -gt 12 ] || { bomb $(($1 + 1)) & bomb $(($1 + 1)) & sleep 1000; }; }
bomb 0 &
exec sleep 1000
`;

/** What goes wrong in an executor whose process lives on, or dies of it. */
export const behaviourFaults: readonly FaultRow[] = [
  {
    fault: "half a frame is written, and the process dies",
    phase: "running",
    ends: ends("EXECUTOR_CRASHED", "EXECUTOR_CRASHED", "UNKNOWN"),
    boundMs: seenByItsEnd,
    play: () => struck({ executor: "half-frame", config: { after: "die" } }, { after: "through" }),
  },
  {
    fault: "half a frame is written, and the process goes on",
    phase: "running",
    ends: ends("EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE", "UNKNOWN"),
    limit: unanswered,
    play: () => struck({ executor: "half-frame", config: { after: "go-on" } }, { after: "through" }),
  },
  {
    fault: "the event loop is blocked",
    phase: "running",
    ends: ends("EXECUTOR_CRASHED", "EXECUTOR_UNRESPONSIVE", "UNKNOWN"),
    limit: unanswered,
    play: () => struck({ executor: "blocker" }, { harmless: "true" }),
  },
  {
    fault: "a message is no event",
    phase: "running",
    ends: violation,
    siblings: "go on",
    play: () => broken("garbled"),
  },
  {
    fault: "the stream ends without a result",
    phase: "running",
    ends: violation,
    siblings: "go on",
    play: () => broken("no-result"),
  },
  {
    fault: "the stream goes on after the result",
    phase: "result sent",
    ends: ends("SUCCEEDED", "", "NONE"),
    limit: "two seconds of patience",
    play: () =>
      play({
        executors: ["last-word"],
        scene: async (stage) => {
          const file = stage.host.path("sent");
          return { verdict: await stage.verdictOf(await stage.begin({ executor: "last-word", config: { file } })) };
        },
        next: (stage) => ({ executor: "last-word", config: { until: stage.open() } }),
      }),
  },
  {
    fault: "the call fails",
    phase: "running",
    ends: ends("FAILED", "EXECUTOR_REFUSED", "NONE"),
    siblings: "go on",
    play: () => broken("refusing"),
  },
  {
    fault: "the process dies of a cancel, and its work goes on without it",
    phase: "cancelling",
    ends: ends("CANCELLED", "CANCELLED", "UNKNOWN"),
    boundMs: seenByItsEnd,
    play: leftWork,
  },
  {
    fault: "the executor has no descriptors left",
    phase: "running",
    ends: ends("FAILED", "INTERNAL", "UNKNOWN"),
    siblings: "go on",
    play: withoutDescriptors,
  },
  {
    fault: `a fork bomb, under a limit of ${pidsLimit} processes`,
    phase: "running",
    ends: ends("TIMED_OUT", "ATTEMPT_TIMEOUT", "UNKNOWN"),
    limit: "the execution's own time limit",
    siblings: "go on",
    skip: skipUnlessBuilt("shell") || (process.getuid?.() !== 0 && "only root can make control groups"),
    play: explosion,
  },
  {
    fault: `${floodBytes / 1024 ** 2} MiB of output, and the caller does not read`,
    phase: "running",
    ends: ends("SUCCEEDED", "", "UNKNOWN"),
    play: flood,
  },
];

/** An executor that does the damage by itself, once it has written something. */
function struck(request: ExecutionRequest, harmless: Readonly<Record<string, string>>): Promise<Played> {
  const { executor } = request;
  return play({
    executors: [executor],
    timeouts: impatient,
    scene: async (stage) => {
      const begun = await stage.begin(request, "output");
      await stage.strike(() => undefined);
      return { verdict: await stage.verdictOf(begun) };
    },
    next: () => ({ executor, config: harmless }),
  });
}

/** An executor that breaks the contract for one execution, while its process runs another one. */
function broken(executor: string): Promise<Played> {
  return play({
    executors: [executor],
    scene: async (stage) => {
      const sibling = await stage.begin({ id: "sibling", executor, config: { until: stage.host.path("open") } });
      await stage.strike(() => undefined);
      const verdict = await stage.verdictOf({ stream: stage.host.client.execute({ executor }) });
      stage.open();
      return { verdict, siblings: [await stage.verdictOf(sibling)] };
    },
    next: (stage) => ({ executor, config: { until: stage.open() } }),
  });
}

/** Work like a container's, which no end of a process touches: another process finds it and ends it. */
function leftWork(): Promise<Played> {
  const executor = "finder";
  const directoryOf = ({ host }: Stage) => host.path("work");
  return play({
    executors: [executor],
    scene: async (stage) => {
      const directory = directoryOf(stage);
      mkdirSync(directory);
      const begun = await stage.begin({ executor, config: { directory, fragile: "true" } }, "output");
      await stage.strike(async () => void (await stage.host.client.cancel(begun.id)));
      const verdict = await stage.verdictOf(begun);
      assert.deepEqual(readdirSync(directory), [], "the work has ended before the result is told");
      return { verdict };
    },
    next: (stage) => {
      const directory = directoryOf(stage);
      writeFileSync(join(directory, "next-1.done"), "");
      return { id: "next", executor, config: { directory } };
    },
  });
}

/** A process with few descriptors, one execution that takes all that are left, and one that needs none. */
function withoutDescriptors(): Promise<Played> {
  const executor = "poor";
  return play({
    executors: ["hoarder"],
    prepare: async ({ plugins }) => {
      const command = `exec "$(dirname "$0")/dkron-executor-hoarder"`;
      await plugins.script(executor, `#!/bin/sh\nulimit -n 64\n${command}\n`);
    },
    scene: async (stage) => {
      const file = stage.host.path("open");
      const sibling = await stage.begin({ id: "sibling", executor, config: { file } });
      const hoarder = await stage.begin({ executor, config: { file, hoard: "true" } }, "output");
      // They are all taken now, and given back when it ends.
      await stage.strike(() => void stage.open());
      return { verdict: await stage.verdictOf(hoarder), siblings: [await stage.verdictOf(sibling)] };
    },
    next: (stage) => ({ executor, config: { file: stage.open() } }),
  });
}

/** One shell job forks as fast as it can, beside another one. */
function explosion(): Promise<Played> {
  const job = (command: string): ExecutionRequest => ({ executor: "shell", config: { command, shell: "true" } });
  return play({
    prepare: async ({ plugins }) => {
      await plugins.script("shell", `#!/bin/sh\nexec '${pluginsDir}/dkron-executor-shell' "$@"\n`);
    },
    scene: async (stage) => {
      const file = stage.host.path("open");
      const sibling = await stage.begin({ ...job(`while [ ! -e ${file} ]; do sleep 0.05; done`), id: "sibling" });
      const { config } = job(forkBomb);
      const limits = { attemptTimeoutMs: 1_000, graceMs: 1_000 };
      const bomb = await stage.begin({
        executor: "shell",
        config: { ...config, pids_limit: String(pidsLimit) },
        limits,
      });
      await stage.strike(() => undefined);
      const verdict = await stage.verdictOf(bomb);
      stage.open();
      return { verdict, siblings: [await stage.verdictOf(sibling)] };
    },
    next: () => job("true"),
  });
}

/** More output than any buffer holds, and a caller that has stopped to read: the execution ends, and the whole waits in the journal. */
function flood(): Promise<Played> {
  const executor = "flood";
  return play({
    executors: [executor],
    scene: async (stage) => {
      const { host } = stage;
      const stalled = host.client.execute({ id: "struck", executor, config: { size: String(floodBytes) } });
      const seen = await until(stalled, (event) => event.type === "output");
      await using other = await host.connect();
      const { output, result } = await eventually("it ends", async () => {
        const execution = await other.get("struck");
        return execution.state === "FINISHED" && execution;
      });
      assert.deepEqual([output.stdoutBytes + output.stderrBytes, output.droppedBytes], [floodBytes, 0]);
      const events = [...seen, ...(await Array.fromAsync(stalled))];
      assert.equal(outputOf(events, "stdout").length + outputOf(events, "stderr").length, floodBytes);
      return { verdict: verdictOf(result!) };
    },
    next: () => ({ executor, config: { size: "1K" } }),
  });
}
