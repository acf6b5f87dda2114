import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";
import { ConnectionPool } from "@executor-host/sdk/remote";

import { check } from "./check.ts";
import { config, type Config } from "./config.ts";
import type { Link } from "./connection/link.ts";
import { limits } from "./defaults.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";

/** The rabbitmq executor. Each call makes one with connections of its own; `close` lets go of them. */
export function createRabbitmqExecutor(): ExecutorDefinition<Config> {
  const { idleMs, checkAfterMs, checkMs } = limits;
  const pool = new ConnectionPool<Link>({ idleMs, checkAfterMs, checkMs });
  return defineExecutor({
    name: "rabbitmq",
    version: "1.0.0",
    summary: "Publishes to RabbitMQ, and succeeds when the broker has confirmed and routed each message.",
    config,
    check,
    capabilities: { cancel: true, setDeadline: true },
    execute: (execution) => execute(execution, pool),
    probe,
    close: () => pool[Symbol.asyncDispose](),
  });
}
