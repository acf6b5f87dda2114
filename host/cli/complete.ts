import { Command, type Option } from "commander";
import type { HostClient } from "../client/client.ts";
import { commands } from "./commands.ts";
import { configKeys } from "./config-keys.ts";
import { connectOrEmbed, connectToHost } from "./connection.ts";
import type { CliContext } from "./context.ts";
import type { ConnectionOptions } from "./options.ts";
import { stateText } from "./execution-text.ts";

/** A word that may come next. */
export interface Candidate {
  readonly value: string;
  /** One line. */
  readonly meaning: string;
}

/** How many executions are offered by their id. */
const offeredExecutions = 50;

/**
 * Which words may stand in the last place?
 *
 * @param words what was typed after the program's name; the last one is being completed and may be empty
 */
export async function complete(words: readonly string[], context: CliContext): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? "";
  const all = words.length <= 1 ? commandNames() : await afterCommand(words, current, context);
  return all.filter(({ value }) => value.startsWith(current));
}

function commandNames(): Candidate[] {
  const names = commands
    .filter(({ hidden }) => hidden !== true)
    .map(({ name, summary }) => ({ value: name, meaning: summary }));
  return [...names, { value: "--help", meaning: "Print help" }, { value: "--version", meaning: "Print the version" }];
}

async function afterCommand(
  words: readonly string[],
  current: string,
  context: CliContext,
): Promise<readonly Candidate[]> {
  const [name = "", ...others] = words;
  const entry = commands.find((candidate) => candidate.name === name);
  const typed = others.slice(0, -1);
  if (entry === undefined || typed.includes("--")) return [];
  const command = new Command(name).exitOverride().configureOutput({ outputError: () => {} });
  (await entry.load()).define(command, context, () => {});
  const last = typed.at(-1) ?? "";
  const before = last.startsWith("-")
    ? command.options.find(({ short, long }) => [short, long].includes(last))
    : undefined;
  if (before !== undefined && takesValue(before))
    return valuesOf(before, context, optionsIn(command, typed.slice(0, -1)));
  if (current.startsWith("-")) return optionNames(command);
  return argumentWords(command, typed, current, context);
}

function optionNames(command: Command): Candidate[] {
  const options = command.options.filter(({ hidden }) => !hidden);
  const names = options.map((option) => ({ value: option.long ?? option.short ?? "", meaning: option.description }));
  return [...names, { value: "--help", meaning: "Print help" }];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

async function valuesOf(
  option: Option,
  context: CliContext,
  options: ConnectionOptions,
): Promise<readonly Candidate[]> {
  if (option.long === "--executor") return executorNames(options, context);
  const spelledOut = /<([^<>]*\|[^<>]*)>/.exec(option.flags)?.[1]?.split("|") ?? [];
  return (option.argChoices ?? spelledOut).map((value) => ({ value, meaning: option.description }));
}

/** What was typed so far, as options; whatever is wrong with it is said when the command runs. */
function optionsIn(command: Command, typed: readonly string[]): ConnectionOptions {
  operandsIn(command, typed);
  return command.opts();
}

function operandsIn(command: Command, typed: readonly string[]): readonly string[] {
  try {
    return command.parseOptions([...typed]).operands;
  } catch {
    return []; // Half-typed.
  }
}

async function argumentWords(
  command: Command,
  typed: readonly string[],
  current: string,
  context: CliContext,
): Promise<readonly Candidate[]> {
  const operands = operandsIn(command, typed);
  const options = command.opts<ConnectionOptions>();
  const declared = command.registeredArguments;
  const argument = declared[operands.length] ?? (declared.at(-1)?.variadic === true ? declared.at(-1) : undefined);
  switch (argument?.name()) {
    case "executor":
      return executorNames(options, context);
    case "config":
      return configWords(operands, current, options, context);
    case "id":
      return executionIds(options, context);
    default:
      return (argument?.argChoices ?? []).map((value) => ({ value, meaning: argument?.description ?? "" }));
  }
}

async function executorNames(options: ConnectionOptions, context: CliContext): Promise<readonly Candidate[]> {
  await using connection = await connectOrEmbed(options, context);
  const { executors } = await connection.client.listExecutors({ signal: context.signal });
  return executors.map(({ name, summary, reason }) => ({ value: name, meaning: summary || reason || "executor" }));
}

/** `key=` for the keys that are not set yet; `key=value` for a key with a closed set of values. */
async function configWords(
  operands: readonly string[],
  current: string,
  options: ConnectionOptions,
  context: CliContext,
): Promise<readonly Candidate[]> {
  const [executor = "", ...given] = operands;
  await using connection = await connectOrEmbed(options, context);
  const { configSchema } = await connection.client.describeExecutor(executor, { signal: context.signal });
  const keys = configKeys(configSchema);
  const chosen = keys.find(({ name }) => current.startsWith(`${name}=`));
  if (chosen !== undefined) {
    return chosen.choices.map((choice) => ({ value: `${chosen.name}=${choice}`, meaning: chosen.summary }));
  }
  const isGiven = (name: string) => given.some((word) => word.startsWith(`${name}=`));
  return keys
    .filter(({ name }) => !isGiven(name))
    .map(({ name, summary }) => ({ value: `${name}=`, meaning: summary }));
}

async function executionIds(options: ConnectionOptions, context: CliContext): Promise<readonly Candidate[]> {
  await using connection = await connectToHost(options, context);
  const client: HostClient = connection.client;
  const { executions } = await client.list({ pageSize: offeredExecutions }, { signal: context.signal });
  return executions.map((execution) => ({
    value: execution.spec.id,
    meaning: `${execution.spec.executor} ${execution.spec.jobName} ${stateText(execution)}`,
  }));
}
