import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";

import { check } from "./check.ts";
import { ClientPool } from "./client/clients.ts";
import { config, type Config } from "./config.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";

/** The ecs executor. Each call makes one with connections of its own; `close` lets go of them. */
export function createEcsExecutor(): ExecutorDefinition<Config> {
  const pool = new ClientPool();
  return defineExecutor({
    name: "ecs",
    version: "1.0.0",
    summary: "Runs a task on Amazon ECS.",
    config,
    check,
    capabilities: { cancel: true, idempotent: true, setDeadline: true },
    execute: (execution) => execute(execution, pool),
    probe: (context) => probe(context, pool),
    close: async () => pool[Symbol.dispose](),
  });
}
