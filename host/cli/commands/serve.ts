import type { Command } from "commander";
import { Host } from "../../host.ts";
import { createLogger, type Logger } from "../../log/logger.ts";
import type { LoadedSettings } from "../../settings/settings.ts";
import { settingRows } from "../../settings/table.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOfSignal } from "../interrupts.ts";
import { addExamples, addJsonOption } from "../options.ts";
import { addSettingsOptions, settingsOf } from "../settings-source.ts";
import { formatSetting } from "../settings-text.ts";
import { version } from "../version.ts";

const notes = `
No setting is needed. SIGTERM or Ctrl-C drains: nothing new is accepted, and what
runs may finish within --drain-timeout. A second one stops what still runs, a
third one ends the host at once. The log goes to standard error.`;

export function define(command: Command, context: CliContext): void {
  addJsonOption(command, "Print one JSON object to standard output when the host is ready, with its addresses");
  addSettingsOptions(command);
  addExamples(command, [
    ["serve", "Run a host on its default socket"],
    ["serve --plugins-dir ./build --listen tcp:127.0.0.1:7000 --log-level debug", "Try out executors, over TCP"],
    ["serve --config /etc/executor-host/config.yaml --limits-attempt-timeout 1h", "With a file, and a flag over it"],
  ]);
  command.addHelpText("after", notes);
  command.action(async (options: { readonly json?: boolean }) => {
    await serve(settingsOf(command, context), options.json === true, context);
  });
}

async function serve(loaded: LoadedSettings, json: boolean, context: CliContext): Promise<void> {
  const { settings } = loaded;
  const { stdout, stderr } = context;
  const { logLevel: level, logFormat: format } = settings;
  const logger = createLogger({ stream: stderr.stream, level, format, color: stderr.hasColor });
  logger.info("starting", { version, pid: process.pid, config: loaded.configPath, ...changedSettings(loaded) });
  for (const warning of loaded.warnings) logger.warn(warning);
  const shutdown = new Shutdown(logger, context);
  using _charge = context.interrupts.take((signal) => shutdown.ask(signal));
  await using host = await Host.start(settings, { logger });
  const { addresses } = host;
  logger.info("ready", { addresses });
  if (json) await stdout.json({ event: "ready", pid: process.pid, version, addresses });
  await shutdown.asked;
  await host.drain({ signal: shutdown.hurry });
  await host[Symbol.asyncDispose]();
  logger.info("stopped");
}

/** Signals to a host mean more the more there are of them. */
class Shutdown {
  readonly asked: Promise<void>;
  readonly #resolveAsked: () => void;
  readonly #hurry = new AbortController();
  readonly #logger: Logger;
  readonly #exit: CliContext["exit"];
  #count = 0;

  constructor(logger: Logger, { exit }: CliContext) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    this.#resolveAsked = resolve;
    this.#logger = logger;
    this.#exit = exit;
  }

  /** Aborted when what runs shall be stopped now. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  ask(signal: NodeJS.Signals): void {
    this.#count++;
    if (this.#count === 1) {
      this.#logger.info("draining: nothing new is accepted; a second signal stops what still runs", { signal });
      this.#resolveAsked();
    } else if (this.#count === 2) {
      this.#logger.warn("stopping what still runs; a third signal ends the host at once", { signal });
      this.#hurry.abort(new Error(`stopped by ${signal}`));
    } else this.#exit(exitCodeOfSignal(signal));
  }
}

/** What is in force and not the default, by key: `{ "log-level": "debug (flag --log-level)" }`. */
function changedSettings({ settings, origins }: LoadedSettings): Record<string, string> {
  const changed = settingRows.filter((row) => origins[row.key] !== "default");
  return Object.fromEntries(changed.map((row) => [row.key, `${formatSetting(row, settings)} (${origins[row.key]})`]));
}
