// Keeps a host in another process busy with executions of all kinds.
import { randomUUID } from "node:crypto";
import { HostClient } from "../../host/client/client.ts";
import type { ExecutionRequest } from "../../host/client/types.ts";
import type { Outcome } from "../../host/model/model.ts";
import { answer } from "../lib/worker.ts";

interface Kind {
  readonly name: string;
  /** Of a thousand. */
  readonly share: number;
  readonly request: ExecutionRequest;
  readonly outcome: Outcome;
  /** What is done to it when it runs. */
  readonly act?: "cancel" | "crash";
}

const waiting = { wait: "true" };

const kinds: readonly Kind[] = [
  { name: "no-op", share: 598, request: { executor: "noop" }, outcome: "SUCCEEDED" },
  {
    name: "shell job `true`",
    share: 250,
    request: { executor: "shell", config: { command: "true" } },
    outcome: "SUCCEEDED",
  },
  {
    name: "shell job that fails",
    share: 50,
    request: { executor: "shell", config: { command: "false" } },
    outcome: "FAILED",
  },
  {
    name: "shell job that is cancelled",
    share: 50,
    request: { executor: "shell", config: { command: "sleep 60" } },
    outcome: "CANCELLED",
    act: "cancel",
  },
  {
    name: "wait that is cancelled",
    share: 50,
    request: { executor: "noop", config: waiting },
    outcome: "CANCELLED",
    act: "cancel",
  },
  {
    name: "executor that is killed",
    share: 2,
    request: { executor: "crasher", config: waiting },
    outcome: "EXECUTOR_CRASHED",
    act: "crash",
  },
];
const [cancelled, crashed] = [kinds[3], kinds[5]] as readonly [Kind, Kind];
const graceMs = 5_000;

let client: HostClient | undefined;
let disturbing: { stop: boolean; done: Promise<{ crashes: number; kills: number }> } | undefined;

const handlers = {
  async connect({ address }: { address: string }): Promise<void> {
    await client?.[Symbol.asyncDispose]();
    client = await HostClient.connect(address);
  },

  /** Run executions of all kinds, so many in all. Throws when one does not end as it should. @returns how many there were of each kind */
  async run({ count, concurrency }: { count: number; concurrency: number }): Promise<Readonly<Record<string, number>>> {
    const counts = new Map<string, number>();
    let begun = 0;
    const lane = async () => {
      while (begun < count) {
        const kind = kindOf(begun++);
        await runOne(kind);
        counts.set(kind.name, (counts.get(kind.name) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return Object.fromEntries(counts);
  },

  /** Let executors crash and cancel jobs, at an even pace, until `leaveAlone`. */
  async disturb({ crashesPerSecond, killsPerSecond }: { crashesPerSecond: number; killsPerSecond: number }) {
    const state = { stop: false };
    const pace = async (kind: Kind, perSecond: number) => {
      let count = 0;
      for (const startedMs = performance.now(); !state.stop; count++) {
        await runOne(kind);
        const dueMs = startedMs + ((count + 1) * 1000) / perSecond;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
      }
      return count;
    };
    const done = Promise.all([pace(crashed, crashesPerSecond), pace(cancelled, killsPerSecond)]);
    disturbing = Object.assign(state, { done: done.then(([crashes, kills]) => ({ crashes, kills })) });
  },

  async leaveAlone() {
    if (disturbing === undefined) throw new Error("nothing is disturbed");
    disturbing.stop = true;
    return disturbing.done;
  },

  async executorPid({ executor }: { executor: string }): Promise<number> {
    return executorPid(executor);
  },
};

export type SoakWorker = typeof handlers;

answer(handlers, async () => client?.[Symbol.asyncDispose]());

function connected(): HostClient {
  if (client === undefined) throw new Error("connect first");
  return client;
}

/** Spread evenly, so that every stretch has some of all kinds. */
function kindOf(index: number): Kind {
  let place = (index * 619) % 1_000;
  for (const kind of kinds) {
    if (place < kind.share) return kind;
    place -= kind.share;
  }
  throw new Error("the shares are not a thousand");
}

async function runOne({ name, request, outcome, act }: Kind): Promise<void> {
  const id = randomUUID();
  for await (const event of connected().execute({ ...request, id })) {
    if (event.type === "started" && act === "cancel") await connected().cancel(id, { graceMs });
    if (event.type === "started" && act === "crash") process.kill(await pidOf(id), "SIGKILL");
    if (event.type !== "result") continue;
    const { result } = event;
    if (result.outcome !== outcome) throw new Error(`${name} ended ${result.outcome}: ${result.message}`);
  }
}

async function pidOf(id: string): Promise<number> {
  const pid = (await connected().get(id)).attempts[0]?.executorPid ?? 0;
  if (pid === 0) throw new Error(`${id} runs nowhere`);
  return pid;
}

async function executorPid(executor: string): Promise<number> {
  const { executors } = await connected().listExecutors();
  return executors.find(({ name }) => name === executor)?.processes[0]?.pid ?? 0;
}
