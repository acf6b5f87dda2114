import assert from "node:assert/strict";
import { globSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { canMount, SmallDisk } from "../../support/small-disk.ts";
import { ends, type FaultRow, type Played, type Verdict } from "./fault-row.ts";
import { play, type Stage } from "./stage.ts";

const mebibyte = 1024 ** 2;
const executor = "mortal";
const succeeded = ends("SUCCEEDED", "", "NONE");

/** What happens to files that an executor, or the host, needs. */
export const surroundingsFaults: readonly FaultRow[] = [
  {
    fault: "the executor's file is replaced by one that works",
    phase: "running",
    ends: succeeded,
    play: () => whileItRuns((stage) => stage.host.plugins.fixture("gate", executor)),
  },
  {
    fault: "the executor's file is replaced by one that does not start",
    phase: "running",
    ends: succeeded,
    play: () => whileItRuns((stage) => stage.host.plugins.script(executor, "#!/bin/sh\nexit 1\n")),
  },
  {
    fault: "the executor's file is deleted, and comes back later",
    phase: "running",
    ends: ends("REFUSED", "EXECUTOR_NOT_FOUND", "NONE"),
    siblings: "go on",
    play: deleted,
  },
  {
    fault: "the executor's socket is deleted",
    phase: "running",
    ends: succeeded,
    play: () => whileItRuns(deleteSockets),
  },
  {
    fault: "the executor's socket is deleted",
    phase: "idle",
    ends: succeeded,
    play: () =>
      play({
        executors: [executor],
        scene: async (stage) => {
          await stage.succeed(request(stage, "before", stage.open()));
          deleteSockets(stage);
          return { verdict: await stage.verdictOf(await stage.begin(request(stage, "struck", stage.open()))) };
        },
        next: (stage) => request(stage, "next", stage.open()),
      }),
  },
  {
    fault: "the host's socket is deleted",
    phase: "running",
    ends: succeeded,
    limit: "a look every two seconds, for new callers",
    play: hostSocketDeleted,
  },
  {
    fault: "the disk of the journal is full",
    phase: "a new execution",
    ends: ends("REFUSED", "JOURNAL_FAILED", "NONE", "RETRYABLE"),
    siblings: "go on",
    skip: !canMount && "only root can mount a small file system",
    play: diskFull,
  },
];

function request({ host }: Stage, id: string, file = host.path("open")) {
  return { id, executor, config: { file } };
}

/** Do the damage while an execution runs, which must not notice. */
function whileItRuns(damage: (stage: Stage) => unknown): Promise<Played> {
  return play({
    executors: [executor],
    scene: async (stage) => {
      const struck = await stage.begin(request(stage, "struck"));
      await damage(stage);
      // The host has seen what there is to be seen.
      await stage.host.client.listExecutors();
      stage.open();
      return { verdict: await stage.verdictOf(struck) };
    },
    next: (stage) => request(stage, "next"),
  });
}

function deleteSockets({ host }: Stage): void {
  for (const socket of globSync(join(host.settings.runtimeDir, "*", "*", "*"))) rmSync(socket);
}

/** Those who are connected notice nothing, and new callers find their way again. */
function hostSocketDeleted(): Promise<Played> {
  return play({
    executors: [executor],
    scene: async (stage) => {
      const { host } = stage;
      const struck = await stage.begin(request(stage, "struck"));
      const socket = join(host.settings.runtimeDir, "host.sock");
      rmSync(socket);
      await eventually("there is one again, for this user", () => modeOf(socket) === 0o600);
      await using caller = await host.connect();
      assert.equal((await caller.get(struck.id)).state, "RUNNING");
      stage.open();
      return { verdict: await stage.verdictOf(struck) };
    },
    next: (stage) => request(stage, "next"),
  });
}

async function deleted(): Promise<Played> {
  return play({
    executors: [executor],
    scene: async (stage) => {
      const { plugins } = stage.host;
      const sibling = await stage.begin(request(stage, "sibling"));
      await stage.strike(() => plugins.remove(executor));
      await stage.host.client.listExecutors();
      const verdict = await stage.refusalOf(request(stage, "struck"));
      stage.open();
      const siblings: readonly Verdict[] = [await stage.verdictOf(sibling)];
      await plugins.fixture(executor);
      return { verdict, siblings };
    },
    next: (stage) => request(stage, "next"),
  });
}

async function diskFull(): Promise<Played> {
  let disk: SmallDisk | undefined;
  return play({
    executors: [executor],
    timeouts: { journalRetryMs: 300, journalRetryIntervalMs: 50 },
    prepare: async ({ settings }) => (disk = new SmallDisk(settings.stateDir, 8 * mebibyte)),
    scene: async (stage) => {
      const sibling = await stage.begin(request(stage, "sibling"));
      await stage.strike(() => disk?.fill());
      const verdict = await stage.refusalOf(request(stage, "struck"));
      stage.open();
      const siblings = [await stage.verdictOf(sibling)];
      disk?.free();
      return { verdict, siblings };
    },
    next: (stage) => request(stage, "next"),
  });
}

/** Undefined when there is no such file. */
function modeOf(path: string): number | undefined {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  return mode === undefined ? undefined : mode & 0o777;
}
