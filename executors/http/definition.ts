import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";

import type { Services } from "./attempt-record.ts";
import { TokenCache } from "./auth/token-cache.ts";
import { check } from "./check.ts";
import { config, type Config } from "./config.ts";
import { ConnectionPool } from "./connection/pool.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";

const version = "1.0.0";

/** The http executor. Each call makes one with connections and tokens of its own; `close` lets go of them. */
export function createHttpExecutor(): ExecutorDefinition<Config> {
  const services: Services = { pool: new ConnectionPool(), tokens: new TokenCache() };
  return defineExecutor({
    name: "http",
    version,
    summary: "Sends an HTTP request and checks what comes back.",
    config,
    check,
    capabilities: { cancel: true, setDeadline: true },
    execute: (execution) => execute(execution, services, `executor-host-http/${version}`),
    probe: (context) => probe(context, services),
    close: () => services.pool[Symbol.asyncDispose](),
  });
}
