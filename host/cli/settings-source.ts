import { Option, type Command } from "commander";
import { loadSettings, type FlagValue, type LoadedSettings } from "../settings/settings.ts";
import { defaultOf } from "../settings/reference.ts";
import { flagOf, settingRows, type AnySettingRow } from "../settings/table.ts";
import type { CliContext } from "./context.ts";
import { repeatedOption } from "./options.ts";

/** A flag for every setting, and `--config`. */
export function addSettingsOptions(command: Command): void {
  command.addOption(new Option("--config <file>", "Settings file").helpGroup(settingsGroup));
  for (const row of settingRows)
    for (const option of optionsOf(row)) command.addOption(option.helpGroup(settingsGroup));
}

const settingsGroup = "Settings (flags win over EXECUTOR_HOST_... variables, which win over the file):";

function optionsOf(row: AnySettingRow): Option[] {
  const { kind, summary } = row;
  const description = `${summary} (default: ${defaultOf(row)})`;
  if (kind.placeholder === "") {
    return [new Option(flagOf(row), description), new Option(flagOf(row).replace("--", "--no-"), "The opposite")];
  }
  const flags = `${flagOf(row)} <${kind.placeholder}>`;
  return [kind.separator === undefined ? new Option(flags, description) : repeatedOption(flags, description)];
}

/** The settings in force for a command with `addSettingsOptions`. */
export function settingsOf(command: Command, context: CliContext): LoadedSettings {
  const flags: Record<string, FlagValue> = {};
  for (const row of settingRows) {
    const [option] = optionsOf(row);
    const name = option?.attributeName() ?? "";
    if (command.getOptionValueSource(name) === "cli") flags[row.key] = command.getOptionValue(name) as FlagValue;
  }
  return loadWith(flags, command.getOptionValue("config") as string | undefined, context);
}

/** The settings in force, with the flags a command has given. */
export function loadWith(
  flags: Readonly<Record<string, FlagValue | undefined>>,
  configPath: string | undefined,
  { env, installDir, stderr }: CliContext,
): LoadedSettings {
  return loadSettings({ flags, env, configPath, installDir, surroundings: { isTerminal: stderr.isTerminal } });
}
