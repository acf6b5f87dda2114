import type { Command } from "commander";
import { isHostError, messageOf } from "@executor-host/proto/shared/error";
import { escapeControls } from "../../log/escape.ts";
import type { LoadedSettings } from "../../settings/settings.ts";
import { settingRows } from "../../settings/table.ts";
import { checkCgroups, checkIsolation, checkMachine, checkNames, type Check } from "../checks.ts";
import { connectByDefault, type Connection } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import { addExamples, addJsonOption } from "../options.ts";
import { addSettingsOptions, settingsOf } from "../settings-source.ts";
import { formatSetting } from "../settings-text.ts";
import { StatusLine } from "../status-line.ts";
import { table } from "../table.ts";
import { isolationText } from "../text.ts";
import { timeouts } from "../timeouts.ts";

interface Report {
  readonly settings: readonly { readonly key: string; readonly value: string; readonly origin: string }[];
  readonly warnings: readonly string[];
  readonly checks: readonly Check[];
}

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  addJsonOption(command, "Print one JSON object");
  addSettingsOptions(command);
  addExamples(command, [
    ["doctor", "Every setting with its origin, and every check; exit code 1 if something is broken"],
    ["doctor --json | jq '.checks[] | select(.level != \"ok\")'", "What needs attention, for a program"],
  ]);
  command.action(async (options: { readonly json?: boolean }) => {
    const loaded = settingsOf(command, context);
    const report = await examine(loaded, context);
    if (options.json === true) await context.stdout.json(report);
    else await print(report, context);
    if (report.checks.some(({ level }) => level === "fail")) finish(exitCodes.failed);
  });
}

async function examine(loaded: LoadedSettings, context: CliContext): Promise<Report> {
  using status = new StatusLine(context.stderr);
  status.set("starting every executor once");
  const { settings, origins, warnings } = loaded;
  const { checks: hostChecks, executors } = await checkHost(loaded, context);
  return {
    settings: settingRows.map((row) => ({
      key: row.key,
      value: formatSetting(row, settings),
      origin: origins[row.key] ?? "default",
    })),
    warnings,
    checks: [
      ...checkMachine(settings, context.env),
      await checkCgroups(),
      ...(await checkIsolation()),
      ...checkNames(settings, executors),
      ...hostChecks,
    ],
  };
}

/** Ask the running host, or one started for the moment, for its executors; each is started once. */
async function checkHost(
  loaded: LoadedSettings,
  context: CliContext,
): Promise<{ checks: readonly Check[]; executors: readonly string[] | undefined }> {
  let connection: Connection;
  try {
    connection = await connectByDefault(loaded, context, context.signal);
  } catch (error) {
    context.signal.throwIfAborted();
    return { checks: [{ name: "host", level: "fail", message: messageOf(error) }], executors: undefined };
  }
  await using opened = connection;
  const { client, isEmbedded } = opened;
  const running = isEmbedded ? "none is running; `executor-host serve` starts one" : `running at ${client.address}`;
  const { executors, skippedFiles } = await client.listExecutors({ signal: context.signal });
  const checks: Check[] = [
    { name: "host", level: "ok", message: running },
    ...(await Promise.all(executors.map(({ name }) => checkExecutor(name, opened, context.signal)))),
    ...skippedFiles.map(({ path, reason }): Check => ({
      name: "not used",
      level: "warn",
      message: `${path}: ${reason}`,
    })),
  ];
  return { checks, executors: executors.map(({ name }) => name) };
}

async function checkExecutor(name: string, { client }: Connection, signal: AbortSignal): Promise<Check> {
  try {
    const { executor } = await client.describeExecutor(name, { signal, timeoutMs: timeouts.checkExecutorMs });
    const held = executor.isolation.length === 0 ? "" : `, held by ${isolationText(executor.isolation)}`;
    return {
      name: `executor ${name}`,
      level: "ok",
      message: `${executor.version} ${executor.path}${held}`.trimStart(),
    };
  } catch (error) {
    signal.throwIfAborted();
    const hint = isHostError(error) && error.hint !== "" ? { hint: error.hint } : {};
    return { name: `executor ${name}`, level: "fail", message: messageOf(error), ...hint };
  }
}

const marks = { ok: ["green", "ok"], warn: ["yellow", "warn"], fail: ["red", "FAIL"] } as const;

async function print({ settings, warnings, checks }: Report, { stdout }: CliContext): Promise<void> {
  const { style } = stdout;
  const settingRowsText = settings.map(({ key, value, origin }) => [
    key,
    escapeControls(value) || "(empty)",
    origin === "default" ? style("dim", origin) : style("cyan", escapeControls(origin)),
  ]);
  const checkRowsText = checks.map(({ name, level, message, hint }) => {
    const [color, word] = marks[level];
    return [style(color, word), name, escapeControls(hint === undefined ? message : `${message} (${hint})`)];
  });
  await stdout.write(
    `${style("bold", "Settings")}\n${table(settingRowsText)}\n${style("bold", "Checks")}\n${table(checkRowsText)}`,
  );
  for (const warning of warnings) await stdout.line(`${style("yellow", "warn")}  ${escapeControls(warning)}`);
}
