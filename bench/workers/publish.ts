// Publishes with a client library alone: what an executor, and the host before it, add to.
import { burst, type BurstOptions } from "../lib/burst.ts";
import { answer } from "../lib/worker.ts";
import type { Publisher, Target } from "../systems/system.ts";
import { systems } from "../systems/systems.ts";

let publisher: Publisher | undefined;

const handlers = {
  /** Make the target, and connect; the worker removes it when it ends. */
  async open({ system, target }: { system: string; target: Target }): Promise<void> {
    publisher = await systems.find(({ name }) => name === system)?.open(target);
  },

  burst(options: BurstOptions) {
    if (publisher === undefined) throw new Error("open first");
    const { publish } = publisher;
    return burst(options, publish);
  },
};

export type PublishWorker = typeof handlers;

answer(handlers, async () => publisher?.close());
