import type { Command } from "commander";
import { escapeControls } from "../../log/escape.ts";
import type { Attempt, Execution, Result } from "../../model/model.ts";
import { formatBytes } from "../../settings/bytes.ts";
import { formatElapsed } from "../../settings/duration.ts";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { limitsText, styledState, tookText, usageText } from "../execution-text.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";
import { table } from "../table.ts";
import { ago, pairs, words } from "../text.ts";
import { reasonOf } from "../verdict.ts";

interface ShowOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext): void {
  command.argument("<id>", "Id of the execution");
  addJsonOption(command, "Print the execution as a JSON object");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["show nightly-2026-11-21", "State, result and every attempt; values of secret keys are never shown"],
    ["show nightly-2026-11-21 --json | jq .result.evidence", "What the target said, for a program"],
  ]);
  command.action(async (id: string, options: ShowOptions) => {
    await using connection = await connectToHost(options, context);
    const { stdout, signal } = context;
    const execution = await connection.client.get(id, { signal });
    if (options.json === true) return stdout.json(execution);
    await stdout.write(table(rowsOf(execution, stdout.style)));
  });
}

function rowsOf(execution: Execution, style: CliContext["stdout"]["style"]): string[][] {
  const { spec, output, result, attempts } = execution;
  const nowMs = Date.now();
  const rows: [string, string][] = [
    ["id", spec.id],
    ["executor", spec.executor],
    ["job", spec.jobName],
    [
      "state",
      `${styledState(execution, style)}${execution.stateReason === "" ? "" : `: ${escapeControls(execution.stateReason)}`}`,
    ],
    ["accepted", new Date(execution.acceptedMs).toISOString()],
    ["took", tookText(execution, nowMs)],
    ...(result === undefined ? [] : resultRows(result)),
    ["output", outputText(output)],
    ["limits", limitsText(execution.limits)],
    ["labels", pairs(spec.labels)],
    ...Object.entries(spec.config).map(([key, value]): [string, string] => [`config ${key}`, value]),
    ...attempts.map((attempt): [string, string] => [`attempt ${attempt.number}`, attemptText(attempt, nowMs)]),
  ];
  return rows
    .filter(([, value]) => value !== "")
    .map(([key, value]) => [style("bold", escapeControls(key)), key === "state" ? value : escapeControls(value)]);
}

function resultRows(result: Result): [string, string][] {
  const { evidence, usage, stop } = result;
  return [
    ["result", reasonOf(result)],
    ["hint", result.hint],
    ["code", result.code],
    ["retry", result.outcome === "SUCCEEDED" ? "" : result.retryability.toLowerCase()],
    ["effect", result.effect.toLowerCase()],
    ["evidence", evidence === undefined ? "" : pairs(evidence)],
    ["used", usage === undefined ? "" : usageText(usage)],
    ["stopped by", stop?.steps.map(({ action }) => action).join(", then ") ?? ""],
    ...(stop?.survivors ?? []).map(({ pid, command }): [string, string] => ["still there", `pid ${pid}: ${command}`]),
    ...result.warnings.map((warning): [string, string] => ["warning", warning]),
  ];
}

function outputText({ stdoutBytes, stderrBytes, droppedBytes }: Execution["output"]): string {
  const dropped = droppedBytes === 0 ? "" : `, of which ${formatBytes(droppedBytes)} are no longer kept`;
  return `${formatBytes(stdoutBytes)} to stdout, ${formatBytes(stderrBytes)} to stderr${dropped}`;
}

function attemptText(attempt: Attempt, nowMs: number): string {
  const { number, startingMs, runningMs, finishedMs, result, executorPid, executorVersion, resumes } = attempt;
  const what = resumes === true ? `goes on with attempt ${number - 1}; ` : "";
  const took = finishedMs === undefined ? "going on" : `took ${formatElapsed(finishedMs - startingMs)}`;
  const start = runningMs === undefined ? "" : `, started after ${formatElapsed(runningMs - startingMs)}`;
  const where = executorPid === 0 ? "" : `, in process ${executorPid} of version ${executorVersion}`;
  const reason = result === undefined ? "" : reasonOf(result);
  const end = result === undefined ? "" : `; ${words(result.outcome)}${reason === "" ? "" : `: ${reason}`}`;
  return `${what}${took}${start}${where}${usingText(attempt)}${heartbeatText(attempt, nowMs)}${end}`;
}

/** While it runs; afterwards the result says more. */
function usingText({ usage, result }: Attempt): string {
  return usage === undefined || result !== undefined ? "" : `; uses ${usageText(usage)}`;
}

function heartbeatText({ heartbeatMs, heartbeatDetails, finishedMs }: Attempt, nowMs: number): string {
  if (heartbeatMs === undefined) return "";
  const when =
    finishedMs === undefined ? ago(heartbeatMs, nowMs) : `${formatElapsed(finishedMs - heartbeatMs)} before its end`;
  return `; last heartbeat ${when}${heartbeatDetails === undefined ? "" : `: ${pairs(heartbeatDetails)}`}`;
}
