import { Option, type Command } from "commander";
import { HostError } from "@executor-host/proto/shared/error";
import type { HostClient } from "../../client/client.ts";
import type { ListFilter } from "../../client/types.ts";
import { escapeControls } from "../../log/escape.ts";
import type { Execution, Outcome, State } from "../../model/model.ts";
import { didYouMean } from "@executor-host/proto/shared/nearest";
import { parsePairs } from "../config-args.ts";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { styledState, tookText } from "../execution-text.ts";
import {
  addConnectionOptions,
  addExamples,
  addJsonOption,
  numberOption,
  repeatedOption,
  type ConnectionOptions,
} from "../options.ts";
import { table } from "../table.ts";
import { ago } from "../text.ts";

interface ListOptions extends ConnectionOptions {
  readonly state?: readonly string[];
  readonly outcome?: readonly string[];
  readonly executor?: string;
  readonly name?: string;
  readonly label?: readonly string[];
  readonly limit?: number;
  readonly json?: boolean;
}

const states = ["QUEUED", "STARTING", "RUNNING", "CANCELLING", "FINISHED"] as const satisfies readonly State[];
const outcomes = [
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "CANCELLED",
  "OUT_OF_MEMORY",
  "REJECTED",
  "NOT_STARTED",
  "EXECUTOR_CRASHED",
  "LOST",
] as const satisfies readonly Outcome[];

const defaultLimit = 50;
const largestPage = 1000;

export function define(command: Command, context: CliContext): void {
  const spelled = (names: readonly string[]) => names.map(spell).join(", ");
  command.addOption(repeatedOption("--state <state>", `Only in this state, may be repeated: ${spelled(states)}`));
  command.addOption(
    repeatedOption("--outcome <outcome>", `Only with this outcome, may be repeated: ${spelled(outcomes)}`),
  );
  command.addOption(new Option("--executor <name>", "Only of this executor"));
  command.addOption(new Option("--name <name>", "Only of this job"));
  command.addOption(repeatedOption("--label <name=value>", "Only with this label, may be repeated: all must match"));
  command.addOption(numberOption("-n, --limit <number>", `At most this many (default: ${defaultLimit})`, 1, 100_000));
  addJsonOption(command, "Print one JSON object");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["list --state running --state queued", "What is going on"],
    ["list --outcome failed --outcome timed-out -n 10", "The last ten that went wrong"],
    ["list --name nightly --json", "All about one job, for a program"],
    ["list --label team=data --outcome failed", "What went wrong for one team"],
  ]);
  command.action(async (options: ListOptions) => {
    await using connection = await connectToHost(options, context);
    const filter: ListFilter = {
      states: options.state?.map((word) => constant(word, states, "state")),
      outcomes: options.outcome?.map((word) => constant(word, outcomes, "outcome")),
      executor: options.executor,
      jobName: options.name,
      labels: parsePairs(options.label ?? [], "label"),
    };
    const limit = options.limit ?? defaultLimit;
    const { executions, hasMore } = await fetch(connection.client, filter, limit, context.signal);
    if (options.json === true) return context.stdout.json({ executions, hasMore });
    await print(executions, hasMore, context);
  });
}

async function fetch(
  client: HostClient,
  filter: ListFilter,
  limit: number,
  signal: AbortSignal,
): Promise<{ executions: Execution[]; hasMore: boolean }> {
  const executions: Execution[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(limit - executions.length, largestPage);
    const page = await client.list({ ...filter, pageSize, pageToken }, { signal });
    executions.push(...page.executions);
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && executions.length < limit);
  return { executions, hasMore: pageToken !== "" };
}

async function print(
  executions: readonly Execution[],
  hasMore: boolean,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (executions.length === 0) return stderr.line("no executions");
  const { style } = stdout;
  const nowMs = Date.now();
  const rows = executions.map((execution) => [
    execution.spec.id,
    execution.spec.executor,
    escapeControls(execution.spec.jobName),
    styledState(execution, style),
    ago(execution.acceptedMs, nowMs),
    tookText(execution, nowMs),
  ]);
  const head = ["ID", "EXECUTOR", "JOB", "STATE", "ACCEPTED", "TOOK"].map((title) => style("bold", title));
  await stdout.write(table([head, ...rows]));
  if (hasMore) await stderr.line(stderr.style("dim", "there are more; -n shows a larger number"));
}

/** `TIMED_OUT` as `timed-out`. */
function spell(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** `timed-out` as `TIMED_OUT`. */
function constant<T extends string>(word: string, all: readonly T[], what: string): T {
  const wanted = word.toUpperCase().replaceAll(/[- ]/g, "_");
  const found = all.find((name) => name === wanted);
  if (found !== undefined) return found;
  const spelled = all.map(spell);
  const hint = didYouMean(word, spelled) || `there are ${spelled.join(", ")}`;
  throw new HostError("SPEC_INVALID", `no such ${what}: ${word}`, { hint });
}
