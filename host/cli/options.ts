import { InvalidArgumentError, Option, type Command } from "commander";
import { parseBytes } from "../settings/bytes.ts";
import { parseDuration } from "../settings/duration.ts";

/** An option with a duration, given in milliseconds. */
export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const durationMs = parseDuration(text);
    if (durationMs === undefined) throw new InvalidArgumentError("write a duration such as 30s, 5m or 1h30m");
    return durationMs;
  });
}

/** An option with a size, given in bytes. */
export function sizeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const bytes = parseBytes(text);
    if (bytes === undefined) throw new InvalidArgumentError("write a size such as 64KB, 10MiB or 1GiB");
    return bytes;
  });
}

/** An option with a whole number. */
export function numberOption(flags: string, description: string, min: number, max = Number.MAX_SAFE_INTEGER): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(
        `write a whole number${max < 1e6 ? ` from ${min} to ${max}` : `, at least ${min}`}`,
      );
    }
    return value;
  });
}

/** An option that may be given more than once. */
export function repeatedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, earlier: readonly string[] | undefined) => [
    ...(earlier ?? []),
    value,
  ]);
}

/** `--no-output-timeout` is not the opposite of `--output-timeout`. */
export function positive(option: Option): Option {
  option.negate = false;
  return option;
}

/** Which host a command talks to. */
export interface ConnectionOptions {
  readonly host?: string;
  readonly config?: string;
  readonly embedded?: boolean;
  readonly pluginsDir?: readonly string[];
}

/** @param canEmbed whether the command may start a host of its own */
export function addConnectionOptions(command: Command, canEmbed: boolean): void {
  const groupName = "Which host:";
  const options = [
    new Option(
      "--host <address>",
      "Host to talk to: unix:/path/to.sock or tcp:HOST:PORT (also $EXECUTOR_HOST_ADDRESS)",
    ),
    new Option("--config <file>", "Settings file that names the host's address"),
  ];
  if (canEmbed) {
    options.push(
      new Option("--embedded", "Start a host for this command only, even if one is running").conflicts("host"),
      repeatedOption(
        "--plugins-dir <dir>",
        "Use the executors of this directory, in a host for this command only",
      ).conflicts("host"),
    );
  }
  for (const option of options) command.addOption(option.helpGroup(groupName));
}

export function addJsonOption(command: Command, description: string): void {
  command.option("--json", description);
}

/** Examples under the help of a command: what to type, and what it does. */
export function addExamples(command: Command, examples: readonly (readonly [string, string])[]): void {
  const lines = examples.map(([words, meaning]) => `  # ${meaning}\n  $ executor-host ${words}`);
  command.addHelpText("after", `\nExamples:\n${lines.join("\n\n")}`);
}
