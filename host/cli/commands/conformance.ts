import { Argument, Option, type Command } from "commander";
import { HostError } from "@executor-host/proto/shared/error";
import { runConformance, type CheckResult } from "../../conformance/conformance.ts";
import type { Config, ConformanceOptions } from "../../conformance/options.ts";
import { resultText, summaryText } from "../../conformance/report-text.ts";
import { configFromJson, parsePairs } from "../config-args.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import { addExamples, addJsonOption, durationOption, repeatedOption } from "../options.ts";
import { readJson } from "../read-input.ts";
import { loadWith } from "../settings-source.ts";

interface Options {
  readonly config?: readonly string[];
  readonly configFile?: string;
  readonly longConfig?: readonly string[];
  readonly floodConfig?: readonly string[];
  readonly heartbeatConfig?: readonly string[];
  readonly only?: readonly string[];
  readonly timeout?: number;
  readonly json?: boolean;
}

const notes = `
The executor is started some twenty times, its sample config run some hundred
times: choose one that is quick and harmless. Without one, the defaults and
examples of the executor's schema serve, if they suffice.

Exit codes:
  0  nothing failed; warnings may have been given
  1  something failed`;

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  command.addArgument(new Argument("<path>", "The executor's file"));
  command.usage("PATH [--config key=value ...] [options]");
  for (const option of [
    repeatedOption("--config <key=value>", "Key of a config that succeeds quickly; may be given more than once"),
    new Option("--config-file <file>", "Read that config from a JSON object of strings (- for standard input)"),
    repeatedOption("--long-config <key=value>", "Key of a config that runs, in silence, until it is stopped"),
    repeatedOption("--flood-config <key=value>", "Key of a config that writes megabytes and succeeds"),
    repeatedOption("--heartbeat-config <key=value>", "Key of a config whose work gives heartbeats until it is stopped"),
    repeatedOption("--only <id>", "Try this check or group of checks only; may be given more than once"),
    durationOption("--timeout <duration>", "Longest wait for a start, an answer or an end (default: 20s)"),
  ])
    command.addOption(option);
  addJsonOption(command, "Print the report as one JSON object");
  addExamples(command, [
    ["conformance ./dkron-executor-hello --config name=you", "Does this executor keep the contract?"],
    [
      "conformance dist/plugins/dkron-executor-shell --config command='echo hi' --long-config command='sleep 600'",
      "With checks of stopping",
    ],
    ["conformance ./dkron-executor-hello --only describe --json", "One group of checks, for a program to read"],
  ]);
  command.addHelpText("after", notes);
  command.action(async (path: string, options: Options) => {
    const { stdout, signal } = context;
    let last: CheckResult | undefined;
    let written = Promise.resolve();
    const report = await runConformance(
      { ...(await toConformanceOptions(path, options, context)), signal },
      (result) => {
        if (options.json === true) return;
        const text = resultText(result, last?.group, stdout.style);
        last = result;
        written = written.then(() => stdout.line(text));
      },
    );
    if (!report.ok) finish(exitCodes.failed);
    if (options.json === true) return stdout.json(report);
    await written;
    await stdout.line(summaryText(report, stdout.style));
  });
}

async function toConformanceOptions(path: string, options: Options, context: CliContext): Promise<ConformanceOptions> {
  return {
    path,
    config: await sampleConfig(options, context),
    longConfig: configOf(options.longConfig),
    floodConfig: configOf(options.floodConfig),
    heartbeatConfig: configOf(options.heartbeatConfig),
    only: options.only,
    environment: context.env,
    allowedEnvironment: loadWith({}, undefined, context).settings.executorEnvironment,
    ...(options.timeout !== undefined && { timeouts: { stepMs: options.timeout } }),
  };
}

async function sampleConfig({ config, configFile }: Options, context: CliContext): Promise<Config | undefined> {
  if (configFile === undefined) return configOf(config);
  if (config !== undefined) throw new HostError("SPEC_INVALID", "--config and --config-file cannot go together");
  return configFromJson(await readJson(configFile, "the config file", context), "the config file");
}

function configOf(words: readonly string[] | undefined): Config | undefined {
  return words && parsePairs(words, "config");
}
