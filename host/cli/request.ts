import { Argument, Option, type Command } from "commander";
import { HostError } from "@executor-host/proto/shared/error";
import { newExecutionId } from "@executor-host/proto/shared/execution-id";
import type { ExecutionRequest } from "../client/types.ts";
import type { Queueing, WhenBusy } from "../model/model.ts";
import { configFromJson, configFromTrailing, parsePairs } from "./config-args.ts";
import type { CliContext } from "./context.ts";
import { readDkronJob } from "./dkron-job.ts";
import { durationOption, numberOption, positive, repeatedOption, sizeOption } from "./options.ts";
import { readJson } from "./read-input.ts";

/** Options that say what to run. */
export interface RequestOptions {
  readonly job?: string;
  readonly configFile?: string;
  readonly set?: readonly string[];
  readonly id?: string;
  readonly name?: string;
  readonly label?: readonly string[];
  readonly timeout?: number;
  readonly attemptTimeout?: number;
  readonly queueTimeout?: number;
  readonly startTimeout?: number;
  readonly noOutputTimeout?: number;
  readonly heartbeatTimeout?: number;
  readonly grace?: number;
  readonly maxOutput?: number;
  readonly retries?: number;
  readonly idempotent?: boolean;
  readonly priority?: number;
  readonly fairnessKey?: string;
  readonly concurrencyKey?: string;
  readonly maxConcurrent?: number;
  readonly whenBusy?: "queue" | "skip" | "replace";
}

/** @param isRun whether it is going to run, so that limits and id matter */
export function addRequestOptions(command: Command, isRun: boolean): void {
  command.addArgument(new Argument("[executor]", "Name of the executor, such as shell"));
  command.addArgument(new Argument("[config...]", "Config of the job, as key=value"));
  command.usage("EXECUTOR [key=value ...] [options] [-- COMMAND [ARG ...]]");
  const what = [
    new Option(
      "--job <file>",
      "Take executor, config and retries from a Dkron job definition (JSON; - for standard input)",
    ),
    new Option(
      "--config-file <file>",
      "Read config from a JSON object of strings (- for standard input), for secrets and long texts",
    ),
    repeatedOption("--set <key=value>", "Set a config key; the same as key=value"),
  ];
  for (const option of what) command.addOption(option.helpGroup("The job:"));
  if (!isRun) return;
  const more = [
    new Option("--id <id>", "Id of the execution: the same id with the same job is run once"),
    new Option("--name <name>", "Name of the job"),
    repeatedOption("--label <key=value>", "Keep this label with the execution"),
  ];
  const limits = [
    durationOption("--timeout <duration>", "Longest time for everything: waiting, attempts, waits between them"),
    durationOption("--attempt-timeout <duration>", "Longest attempt"),
    durationOption("--queue-timeout <duration>", "Longest wait for a free slot"),
    durationOption("--start-timeout <duration>", "Longest time from slot to start"),
    positive(durationOption("--no-output-timeout <duration>", "Longest silence of the running job")),
    durationOption(
      "--heartbeat-timeout <duration>",
      "Longest time without a sign of life from the running job: heartbeat, progress or output",
    ),
    durationOption("--grace <duration>", "How long stopping may take before it is forced (default: the host's, 10s)"),
    sizeOption(
      "--max-output <size>",
      "Output to keep, half from its start and half from its end (default and most: the host's max-output-bytes, 256MiB)",
    ),
    numberOption("--retries <number>", "Try again up to this often after failures worth another try", 0, 1000),
    new Option("--idempotent", "The job may run twice without harm: try again after any failure"),
  ];
  const turn = [
    numberOption("--priority <number>", "The higher one goes first: -100 to 100 (default: 0)", -100, 100),
    new Option("--fairness-key <key>", "Within a priority, keys take turns (default: the job's name)"),
    new Option("--concurrency-key <key>", "Share a limit with the executions of the same key"),
    numberOption(
      "--max-concurrent <number>",
      "How many of the key may run at the same time (default: 1)",
      1,
      1_000_000,
    ),
    new Option("--when-busy <what>", "If as many are there already: wait, do not run, or stop the oldest").choices([
      "queue",
      "skip",
      "replace",
    ]),
  ];
  for (const option of turn) command.addOption(option.helpGroup("Its turn:"));
  for (const option of more) command.addOption(option.helpGroup("The job:"));
  for (const option of limits) command.addOption(option.helpGroup("Limits:"));
}

/** A request, and which fields of a job definition had no meaning here. */
export interface BuiltRequest {
  readonly request: ExecutionRequest & { readonly id: string; readonly config: Readonly<Record<string, string>> };
  readonly ignored: readonly string[];
}

/**
 * Put together what to run. Later sources win: job definition, config file, key=value, words after `--`.
 *
 * The id is chosen here if none is given, so that the execution can be cancelled and found again.
 *
 * @throws {HostError} `SPEC_INVALID`
 */
export async function buildRequest(
  executor: string | undefined,
  words: readonly string[],
  options: RequestOptions,
  context: CliContext,
): Promise<BuiltRequest> {
  if (options.job === "-" && options.configFile === "-") {
    throw new HostError("SPEC_INVALID", "standard input cannot be both --job and --config-file");
  }
  // With a job definition the first word may be config already.
  const isConfig = executor?.includes("=") === true;
  if (isConfig && options.job === undefined) {
    const hint = "write executor-host run shell command='echo hello'";
    throw new HostError("SPEC_INVALID", `the first word must name an executor: ${executor}`, { hint });
  }
  const given = [...(isConfig && executor !== undefined ? [executor] : []), ...words, ...(options.set ?? [])];
  const job =
    options.job === undefined ? undefined : readDkronJob(await readJson(options.job, "the job definition", context));
  const fromFile =
    options.configFile === undefined
      ? {}
      : configFromJson(await readJson(options.configFile, "the config file", context), "the config file");
  const config = { ...job?.request.config, ...fromFile, ...parsePairs(given, "config") };
  const name = (isConfig ? undefined : executor) ?? job?.request.executor;
  if (name === undefined) {
    const hint = "write executor-host run shell command='echo hello'; executor-host executors lists what there is";
    throw new HostError("SPEC_INVALID", "no executor is named", { hint });
  }
  return {
    request: {
      id: options.id ?? newExecutionId(),
      executor: name,
      config: { ...config, ...configFromTrailing(context.trailing, config) },
      jobName: options.name ?? job?.request.jobName,
      limits: {
        totalTimeoutMs: options.timeout,
        attemptTimeoutMs: options.attemptTimeout,
        queueTimeoutMs: options.queueTimeout,
        startTimeoutMs: options.startTimeout,
        noOutputTimeoutMs: options.noOutputTimeout,
        heartbeatTimeoutMs: options.heartbeatTimeout,
        graceMs: options.grace,
        maxOutputBytes: options.maxOutput,
      },
      retry: retryOf(options) ?? job?.request.retry,
      labels: parsePairs(options.label ?? [], "label"),
      queueing: queueingOf(options, job?.request.queueing),
    },
    ignored: job?.ignored ?? [],
  };
}

/** Only what was given, by options or else by the job definition. */
function queueingOf(options: RequestOptions, ofJob: Partial<Queueing> | undefined): Partial<Queueing> | undefined {
  const { priority, fairnessKey, concurrencyKey, maxConcurrent, whenBusy } = options;
  const given: Partial<Queueing> = {
    ...ofJob,
    ...(priority !== undefined && { priority }),
    ...(fairnessKey !== undefined && { fairnessKey }),
    ...(concurrencyKey !== undefined && { concurrencyKey }),
    ...(maxConcurrent !== undefined && { maxConcurrent }),
    ...(whenBusy !== undefined && { whenBusy: whenBusy.toUpperCase() as WhenBusy }),
  };
  return Object.keys(given).length === 0 ? undefined : given;
}

function retryOf({ retries, idempotent = false }: RequestOptions): ExecutionRequest["retry"] {
  return retries === undefined ? undefined : { maxAttempts: retries + 1, idempotent };
}
