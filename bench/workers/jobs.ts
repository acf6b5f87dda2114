// Submits many executions to a host in another process, and is rid of them again.
import { setTimeout as sleep } from "node:timers/promises";
import { HostClient } from "../../host/client/client.ts";
import type { ExecutionRequest } from "../../host/client/types.ts";
import { answer } from "../lib/worker.ts";

const lanes = 64;
const pollMs = 20;

let client: HostClient | undefined;
let ids: readonly string[] = [];
let submittedMs = 0;

const handlers = {
  async connect({ address }: { address: string }): Promise<void> {
    client = await HostClient.connect(address);
  },

  /** Run one, so that there is a process to run them in. @returns its pid */
  async first({ request }: { request: ExecutionRequest }): Promise<number> {
    let pid = 0;
    for await (const event of connected().execute({ ...request, id: "first" })) {
      if (event.type === "result") pid = (await connected().get("first")).attempts[0]?.executorPid ?? 0;
    }
    return pid;
  },

  /** @returns when the last one was accepted */
  async submit({ request, count }: { request: ExecutionRequest; count: number }) {
    ids = Array.from({ length: count }, (_, index) => `job-${index}`);
    submittedMs = performance.now();
    await inLanes((id) => connected().submit({ ...request, id }));
    return { acceptedMs: performance.now() - submittedMs };
  },

  /** Jobs are taken in turn, so that the last one of the first `count` says it of all. @returns when, since the first was submitted */
  async untilRunning({ count }: { count: number }) {
    for (const id of ids.slice(0, count)) {
      for (;;) {
        const { state } = await connected().get(id);
        if (state === "RUNNING") break;
        if (state === "FINISHED") throw new Error(`${id} has ended`);
        await sleep(pollMs);
      }
    }
    return { runningMs: performance.now() - submittedMs };
  },

  /** Cancel them, the last ones first, so that none of the queue starts. Throws unless each ends CANCELLED, or was never started. */
  async cancelAll() {
    const startedMs = performance.now();
    ids = ids.toReversed();
    await inLanes((id) => connected().cancel(id, { graceMs: 5_000 }));
    const cancelledMs = performance.now() - startedMs;
    await inLanes(async (id) => {
      for (;;) {
        const { state, result } = await connected().get(id);
        if (state === "FINISHED" && result?.outcome === "CANCELLED" && (result.stop?.survivors ?? []).length === 0)
          return;
        if (state === "FINISHED") throw new Error(`${id} ended ${result?.outcome}: ${result?.message}`);
        await sleep(pollMs);
      }
    });
    return { cancelledMs, endedMs: performance.now() - startedMs };
  },
};

export type JobsWorker = typeof handlers;

answer(handlers, async () => client?.[Symbol.asyncDispose]());

function connected(): HostClient {
  if (client === undefined) throw new Error("connect first");
  return client;
}

/** Do it for each id, some at once. */
async function inLanes(act: (id: string) => Promise<unknown>): Promise<void> {
  const rest = ids.values();
  const lane = async () => {
    for (const id of rest) await act(id);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
