import { createLogger, servePlugin, type CloseReason, type PluginLogger } from "@executor-host/goplugin/server";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import { appVersions, magicCookie } from "@executor-host/proto/shared/executor-link";
import type { ExecutorDefinition } from "./definition/define-executor.ts";
import { addDkronServices } from "./dkron/service.ts";
import { toDescribeResponse } from "./native/convert.ts";
import { addNativeService } from "./native/service.ts";
import { ExecutorRuntime } from "./runtime/executor-runtime.ts";
import { settledWithin } from "./runtime/wait.ts";
import { timeouts } from "./timeouts.ts";

/**
 * Be an executor: the whole of its main file.
 *
 * Serves the host that started this process, by the native contract or by Dkron's, whichever the host speaks, until the host says so,
 * SIGTERM comes, or the host is gone; then stops what runs and ends the process. With the argument `--describe` it prints what
 * the executor is and takes, as JSON.
 *
 * An exception that nothing caught ends the process, as nobody knows what it left behind; an unhandled rejection is only logged.
 */
export function serve<C>(definition: ExecutorDefinition<C>): void {
  if (process.argv.slice(2).includes("--describe")) {
    process.stdout.write(`${describe(definition)}\n`);
    return;
  }
  // Kept before the host takes over stdout and stderr.
  const writeError = process.stderr.write.bind(process.stderr);
  const logger = createLogger({ name: definition.name, write: writeError });
  const end = async (code: number): Promise<never> => {
    const flushed = new Promise<void>((resolve) => writeError("", () => resolve()));
    await settledWithin(flushed, timeouts.flushMs);
    process.exit(code);
  };
  run(definition, logger, end).then(
    () => end(0),
    (error: unknown) => {
      if (isHostError(error) && error.code === "NOT_LAUNCHED_AS_PLUGIN") writeError(introduction(definition));
      else logger.error("executor cannot serve", errorFields(error));
      return end(1);
    },
  );
}

async function run<C>(
  definition: ExecutorDefinition<C>,
  logger: PluginLogger,
  end: (code: number) => Promise<never>,
): Promise<void> {
  const runtime = new ExecutorRuntime(definition, logger);
  // Ctrl-C in a terminal goes to the host as well, which decides.
  process.on("SIGINT", () => undefined);
  process.on("unhandledRejection", (error) => logger.error("unhandled rejection", errorFields(error)));
  process.on("uncaughtException", (error) => {
    logger.error("uncaught exception", errorFields(error));
    void crash(runtime, end);
  });
  // Before any host can know of this process: a signal that finds no handler would leave the socket behind.
  const told = new AbortController();
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => told.abort());
  const plugin = await servePlugin({
    magicCookie,
    versions: {
      [appVersions.dkron]: ({ server, broker }) => addDkronServices({ server, broker, runtime }),
      [appVersions.native]: ({ server }) => addNativeService(server, runtime),
    },
    logger,
    onShutdown: (reason) => runtime.stop(stopReasons[reason]),
  });
  process.on("exit", () => plugin.removeSockets());
  if (told.signal.aborted) void plugin.close();
  else told.signal.addEventListener("abort", () => void plugin.close());
  // The link waits for the clean-up, but not as long as a stubborn job may need.
  await runtime.stop(stopReasons[await plugin.closed]);
}

/** The host sees a crash, but what the jobs started must not outlive this process. */
async function crash<C>(runtime: ExecutorRuntime<C>, end: (code: number) => Promise<never>): Promise<never> {
  await runtime.abandon("the executor crashed");
  return end(1);
}

const stopReasons: Readonly<Record<CloseReason, string>> = {
  shutdown: "the host shuts the executor down",
  "host-gone": "the host is gone",
  closed: "the executor was told to end",
};

function describe(definition: ExecutorDefinition<unknown>): string {
  const { configSchema, ...rest } = toDescribeResponse(definition);
  return JSON.stringify({ ...rest, configSchema: JSON.parse(configSchema) as unknown }, undefined, 2);
}

function introduction({ name, version, summary }: ExecutorDefinition<unknown>): string {
  return [
    `${name} ${version}: ${summary}`,
    "",
    "This is an executor. A host starts it and talks to it; run by hand, it does nothing.",
    `To use it, put it under the name dkron-executor-${name} into the plugins directory of Executor Host or of Dkron.`,
    "To see the config it takes, run it with --describe.",
    "",
  ].join("\n");
}

function errorFields(error: unknown): { error: string; stack: string | undefined } {
  return { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined };
}
