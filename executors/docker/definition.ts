import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";

import { check } from "./check.ts";
import { config, type Config } from "./config.ts";
import { thisOwner } from "./container/owner.ts";
import { Engines } from "./engine/engines.ts";
import { execute } from "./execute.ts";
import { loadPolicy, type LoadedPolicy } from "./policy/policy.ts";
import { probe } from "./probe.ts";
import type { Services } from "./services.ts";

/**
 * The docker executor. Each call makes one with connections of its own; `close` lets go of them.
 *
 * @param loaded what jobs may do; default: what the machine's policy says
 */
export function createDockerExecutor(loaded: LoadedPolicy = loadPolicy(process.env)): ExecutorDefinition<Config> {
  const owner = thisOwner();
  const services: Services = { engines: new Engines(loaded.policy, owner), owner, loaded };
  return defineExecutor({
    name: "docker",
    version: "1.0.0",
    summary: "Runs a container.",
    config,
    check: (parsed) => check(parsed, loaded),
    capabilities: { cancel: true, idempotent: true },
    execute: (execution) => execute(execution, services),
    probe: (context) => probe(context, services),
    close: () => services.engines[Symbol.asyncDispose](),
  });
}
