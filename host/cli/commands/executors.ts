import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { Executor, ExecutorList } from "../../client/types.ts";
import { escapeControls } from "../../log/escape.ts";
import type { Styler } from "../../log/style.ts";
import { formatElapsed } from "../../settings/duration.ts";
import { connectOrEmbed, type Connection } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";
import { indented } from "../report-error.ts";
import { StatusLine } from "../status-line.ts";
import { table } from "../table.ts";
import { capabilitiesText, count, isolationText } from "../text.ts";
import { timeouts } from "../timeouts.ts";

const worthTellingMs = 100;

interface ExecutorsOptions extends ConnectionOptions {
  readonly check?: boolean;
  readonly pins?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext): void {
  command.option("--check", "Start every executor that has not been started yet (without a running host: always)");
  command.option(
    "--pins",
    "Print the sums of their files as the setting executor-pins, to be put into the settings file",
  );
  addJsonOption(command, "Print one JSON object");
  addConnectionOptions(command, true);
  addExamples(command, [
    ["executors", "What this host can run, and why a file is not among it"],
    ["executors --check", "Start each one, to see whether it works"],
    ["executors --pins >> config.yaml", "Let nothing run but these very files: see executor-pins"],
    ["executors --plugins-dir ./build", "What it would be with the executors of a directory"],
  ]);
  command.action(async (options: ExecutorsOptions) => {
    await using connection = await connectOrEmbed(options, context);
    if (options.pins === true) return await printPins(connection, options.json === true, context);
    const { list, hints } = await fetch(connection, options.check === true || connection.isEmbedded, context);
    if (options.json === true) return context.stdout.json(list);
    await print(list, hints, context);
  });
}

/** What to do about executors that did not start when they were to, by their names; may be empty. */
type Hints = ReadonlyMap<string, string>;

/** An executor tells its version and abilities only once it has been started. */
async function fetch(
  { client }: Connection,
  check: boolean,
  { signal, stderr }: CliContext,
): Promise<{ readonly list: ExecutorList; readonly hints: Hints }> {
  const hints = new Map<string, string>();
  const list = await client.listExecutors({ signal });
  const unknown = check ? list.executors.filter(({ state, version }) => state === "IDLE" && version === "") : [];
  if (unknown.length === 0) return { list, hints };
  using status = new StatusLine(stderr);
  status.set(`starting ${unknown.map(({ name }) => name).join(", ")}`);
  await Promise.all(
    unknown.map(({ name }) =>
      client.describeExecutor(name, { signal, timeoutMs: timeouts.checkExecutorMs }).catch((error: unknown) => {
        // The second list says why it failed, or that it is still starting.
        if (isHostError(error)) hints.set(name, error.hint);
      }),
    ),
  );
  return { list: await client.listExecutors({ signal }), hints };
}

/** Of the files as they are now, whatever is pinned already. */
async function printPins({ client }: Connection, json: boolean, { signal, stdout }: CliContext): Promise<void> {
  const { executors } = await client.listExecutors({ signal });
  const sums = await Promise.all(executors.map(async ({ name, path }) => [name, await sha256Of(path)] as const));
  if (json) return stdout.json({ executorPins: Object.fromEntries(sums) });
  for (const line of ["executor-pins:", ...sums.map(([name, sum]) => `  ${name}: "${sum}"`)]) await stdout.line(line);
}

/** @throws {HostError} `EXECUTOR_UNUSABLE` when it cannot be read */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    throw new HostError("EXECUTOR_UNUSABLE", `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  return hash.digest("hex");
}

async function print(
  { executors, skippedFiles }: ExecutorList,
  hints: Hints,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const { style } = stdout;
  if (executors.length === 0) {
    await stderr.line("no executors; `executor-host doctor` shows where they are looked for");
  } else {
    const head = ["NAME", "VERSION", "STATE", "CAN", "PATH"].map((title) => style("bold", title));
    await stdout.write(table([head, ...executors.map((executor) => rowOf(executor, style))]));
  }
  for (const { name, isolation } of executors) {
    if (isolation.length === 0) continue;
    await stdout.line(
      `\n${style("bold", escapeControls(name))} is held by ${escapeControls(isolationText(isolation))}`,
    );
  }
  for (const executor of executors) {
    const hint = hints.get(executor.name) ?? "";
    if (executor.state === "STARTING" && hints.has(executor.name)) {
      const waited = formatElapsed(timeouts.checkExecutorMs);
      await stdout.line(`\n${escapeControls(executor.name)}: has not started within ${waited}, and is still trying`);
    }
    for (const problem of problemsOf(executor)) {
      await stdout.line(`\n${style("red", escapeControls(executor.name))}: ${indented(problem)}`);
      if (hint !== "" && problem === executor.reason) await stdout.line(`${style("cyan", "hint:")} ${indented(hint)}`);
    }
  }
  if (skippedFiles.length > 0) await stdout.line(`\n${style("bold", "Not used:")}`);
  for (const { path, reason } of skippedFiles)
    await stdout.line(`  ${escapeControls(path)}: ${escapeControls(reason)}`);
}

function rowOf(
  { name, version, state, capabilities, protocolVersion, processes, path }: Executor,
  style: Styler,
): string[] {
  const active = processes.reduce((sum, process) => sum + process.activeExecutions, 0);
  const load = processes.length === 0 ? "" : `, ${processes.length} process${processes.length === 1 ? "" : "es"}`;
  const text = `${state.toLowerCase()}${load}${active === 0 ? "" : `, ${active} running`}${slowness(processes)}`;
  const color = state === "FAILED" ? "red" : state === "READY" ? "green" : "dim";
  const can = capabilitiesText(capabilities, protocolVersion);
  return [escapeControls(name), escapeControls(version || "-"), style(color, text), can, escapeControls(path)];
}

/** Answers to health calls that let wait: of a busy process, or of one that hangs. */
function slowness(processes: Executor["processes"]): string {
  const lagMs = Math.max(0, ...processes.map((process) => process.lagMs ?? 0));
  return lagMs < worthTellingMs ? "" : `, answers after ${formatElapsed(lagMs)}`;
}

function problemsOf({ reason, crashes, lastCrash }: Executor): string[] {
  const crash =
    crashes === 0 ? "" : `crashed ${count(crashes, "time")}; the last time: ${lastCrash || "for no known reason"}`;
  return [reason, crash].filter((problem) => problem !== "");
}
