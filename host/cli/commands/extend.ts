import { InvalidArgumentError, Option, type Command } from "commander";
import { HostError } from "@executor-host/proto/shared/error";
import type { Limits } from "../../model/model.ts";
import { parseDuration } from "../../settings/duration.ts";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { limitsText } from "../execution-text.ts";
import {
  addConnectionOptions,
  addExamples,
  addJsonOption,
  durationOption,
  positive,
  type ConnectionOptions,
} from "../options.ts";

/** What shall become of one limit: a new value, more or less than it is, or none at all. */
type Change = { readonly wholeMs: number } | { readonly moreMs: number } | "none";

interface ExtendOptions extends ConnectionOptions {
  readonly timeout?: Change;
  readonly attemptTimeout?: Change;
  readonly noOutputTimeout?: Change;
  readonly heartbeatTimeout?: Change;
  readonly grace?: number;
  readonly reason?: string;
  readonly json?: boolean;
}

/** The options that change a limit, by the limit's names in our words and in the contract. */
const changeable = [
  { option: "timeout", property: "totalTimeoutMs", name: "total_timeout" },
  { option: "attemptTimeout", property: "attemptTimeoutMs", name: "attempt_timeout" },
  { option: "noOutputTimeout", property: "noOutputTimeoutMs", name: "no_output_timeout" },
  { option: "heartbeatTimeout", property: "heartbeatTimeoutMs", name: "heartbeat_timeout" },
] as const;

const notes = `
Write a limit as a whole (2h), more or less than it is (+10m, -5m), or none.

A limit counts from where it always counts: --timeout from the moment the host
took the job, --attempt-timeout from the start of the attempt. So +10m gives ten
minutes more than it had, and a value without a sign is the new limit as a whole;
one that is over already ends the execution at once. Later attempts have the new
limits, too.

The host keeps to them. An executor that has handed the first deadline on to its
target may not be able to move it; a warning says so. EXECUTION_DEADLINE in the
environment of a job stays as it was.`;

export function define(command: Command, context: CliContext): void {
  command.argument("<id>", "Id of the execution");
  command.addOption(changeOption("--timeout <change>", "Longest time for everything"));
  command.addOption(changeOption("--attempt-timeout <change>", "Longest attempt"));
  command.addOption(positive(changeOption("--no-output-timeout <change>", "Longest silence")));
  command.addOption(
    changeOption("--heartbeat-timeout <change>", "Longest time without a sign of life, if it had such a limit"),
  );
  command.addOption(durationOption("--grace <duration>", "How long stopping may take before it is forced"));
  command.addOption(new Option("--reason <text>", "Why, for people; told to all who watch"));
  addJsonOption(command, "Print the execution and any warnings as a JSON object");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["extend nightly-2026-11-21 --timeout +30m --reason 'the disk is slow today'", "Give it half an hour more"],
    ["extend nightly-2026-11-21 --attempt-timeout 2h", "Two hours from the start of the attempt"],
    ["extend nightly-2026-11-21 --timeout none --no-output-timeout 5m", "Lift one limit, and set another"],
  ]);
  command.addHelpText("after", notes);
  command.action(async (id: string, options: ExtendOptions) => {
    if (options.grace === undefined && changeable.every(({ option }) => options[option] === undefined)) {
      const hint = "write, for instance, --timeout +30m or --attempt-timeout none";
      throw new HostError("SPEC_INVALID", "no limit is named", { hint });
    }
    await using connection = await connectToHost(options, context);
    const { stdout, stderr, signal } = context;
    const { client } = connection;
    const given = changeable.filter(({ option }) => options[option] !== undefined);
    const isRelative = given.some(({ option }) => isMore(options[option]));
    const current = isRelative ? (await client.get(id, { signal })).limits : {};
    const limits = {
      ...Object.fromEntries(given.map((row) => [row.property, newValue(row, options[row.option], current)])),
      ...(options.grace !== undefined && { graceMs: options.grace }),
    };
    const lift = given.filter(({ option }) => options[option] === "none").map(({ name }) => name);
    const answer = await client.changeLimits(id, limits, { lift, reason: options.reason, signal });
    if (options.json === true) return stdout.json(answer);
    await stdout.line(`${id}  ${limitsText(answer.execution.limits)}`);
    for (const warning of answer.warnings) await stderr.line(`warning: ${warning}`);
  });
}

function changeOption(flags: string, description: string): Option {
  const how = "a new limit such as 2h, more or less than it is such as +10m or -5m, or none";
  return new Option(flags, description).argParser((text): Change => {
    if (text === "none") return "none";
    const durationMs = parseDuration(text.replace(/^[+-]/, ""));
    if (durationMs === undefined) throw new InvalidArgumentError(`write ${how}`);
    if (text.startsWith("+")) return { moreMs: durationMs };
    return text.startsWith("-") ? { moreMs: -durationMs } : { wholeMs: durationMs };
  });
}

function isMore(change: Change | undefined): change is { readonly moreMs: number } {
  return typeof change === "object" && "moreMs" in change;
}

/** @throws {HostError} `SPEC_INVALID` where there is nothing to add to, or nothing would be left */
function newValue(
  { property, name }: (typeof changeable)[number],
  change: Change | undefined,
  current: Limits,
): number | undefined {
  if (change === undefined || change === "none") return undefined;
  if (!isMore(change)) return change.wholeMs;
  const currentMs = current[property];
  const subject = name.replaceAll("_", " ");
  if (currentMs === undefined) {
    const hint = "write the new limit as a whole, such as 2h";
    throw new HostError("SPEC_INVALID", `there is no ${subject} to change by so much`, { hint });
  }
  if (currentMs + change.moreMs > 0) return currentMs + change.moreMs;
  throw new HostError(
    "SPEC_INVALID",
    `nothing would be left of the ${subject}: it is ${limitsText({ [property]: currentMs })}`,
  );
}
