import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";
import { ConnectionPool } from "@executor-host/sdk/remote";

import { check } from "./check.ts";
import { config, type Config } from "./config.ts";
import type { ClusterLink } from "./connection/link.ts";
import { limits } from "./defaults.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";

/** The kafka executor. Each call makes one with connections of its own; `close` lets go of them. */
export function createKafkaExecutor(): ExecutorDefinition<Config> {
  const pool = new ConnectionPool<ClusterLink>({
    idleMs: limits.idleMs,
    checkAfterMs: Infinity,
    checkMs: 0,
  });
  return defineExecutor({
    name: "kafka",
    version: "1.0.0",
    summary: "Publishes records to Kafka, and reports partition and offset of each.",
    config,
    check,
    capabilities: { cancel: true, setDeadline: true },
    execute: (execution) => execute(execution, pool),
    probe,
    close: () => pool[Symbol.asyncDispose](),
  });
}
