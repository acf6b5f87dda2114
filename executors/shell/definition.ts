import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";
import { checkConfig } from "./check.ts";
import { config, type ShellConfig } from "./config.ts";
import { execute } from "./execute.ts";
import { probe } from "./probe.ts";
import { ShellRuntime, type ShellRuntimeOptions } from "./runtime.ts";

/** The shell executor, with a stock of pipes and the like of its own. */
export function createShell(options?: ShellRuntimeOptions): ExecutorDefinition<ShellConfig> {
  const runtime = new ShellRuntime(options);
  return defineExecutor({
    name: "shell",
    version: "1.0.0",
    summary: "Runs a command or a script, and ends with it everything it has started.",
    config,
    check: checkConfig,
    capabilities: { cancel: true, heartbeat: true, setDeadline: true },
    execute: (execution) => execute(execution, runtime),
    probe: (context) => probe(context, runtime),
    close: () => runtime[Symbol.asyncDispose](),
  });
}

export const shell = createShell();
