import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";
import { ConnectionPool } from "@executor-host/sdk/remote";

import { check } from "./check.ts";
import { config, type Config } from "./config.ts";
import type { Link } from "./connection/link.ts";
import { limits } from "./defaults.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";

/** The grpc executor. Each call makes one with connections of its own; `close` lets go of them. */
export function createGrpcExecutor(): ExecutorDefinition<Config> {
  const pool = new ConnectionPool<Link>(limits.pool);
  return defineExecutor({
    name: "grpc",
    version: "1.0.0",
    summary: "Calls a gRPC method, with JSON in and out.",
    config,
    check,
    capabilities: { cancel: true, setDeadline: true },
    execute: (execution) => execute(execution, pool),
    probe,
    close: () => pool[Symbol.asyncDispose](),
  });
}
