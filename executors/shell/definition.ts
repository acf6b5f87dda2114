import { defineExecutor, type ExecutorDefinition } from "@executor-host/sdk";
import { checkConfig } from "./check.ts";
import { config, type ShellConfig } from "./config.ts";
import { execute } from "./execute.ts";
import { ShellRuntime } from "./runtime.ts";

/** The shell executor, with a stock of FIFOs and the like of its own. */
export function createShell(): ExecutorDefinition<ShellConfig> {
  const runtime = new ShellRuntime();
  return defineExecutor({
    name: "shell",
    version: "1.0.0",
    summary: "Runs a command or a script, and ends with it everything it has started.",
    config,
    check: checkConfig,
    capabilities: { cancel: true },
    execute: (execution) => execute(execution, runtime),
    close: () => runtime[Symbol.asyncDispose](),
  });
}

export const shell = createShell();
