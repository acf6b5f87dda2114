import type { Command } from "commander";
import { Option } from "commander";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import {
  addConnectionOptions,
  addExamples,
  addJsonOption,
  durationOption,
  type ConnectionOptions,
} from "../options.ts";
import { reportError } from "../report-error.ts";
import { stateText } from "../execution-text.ts";

interface CancelOptions extends ConnectionOptions {
  readonly reason?: string;
  readonly grace?: number;
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  command.argument("<id...>", "Ids of executions");
  command.addOption(new Option("--reason <text>", "Why, for people; kept in the result"));
  command.addOption(
    durationOption("--grace <duration>", "How long stopping may take before it is forced (default: the execution's)"),
  );
  addJsonOption(command, "Print one execution a line, as JSON");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["cancel nightly-2026-11-21 --reason 'no longer needed'", "Ask an execution to stop; watch shows how it ends"],
    ["cancel --grace 0s a1 b2 c3", "Stop three at once, by force"],
  ]);
  command.action(async (ids: readonly string[], options: CancelOptions) => {
    await using connection = await connectToHost(options, context);
    const { stdout, stderr, signal } = context;
    const { reason = "cancelled by hand", grace: graceMs } = options;
    for (const id of ids) {
      try {
        const execution = await connection.client.cancel(id, { reason, graceMs, signal });
        if (options.json === true) await stdout.json(execution);
        else await stdout.line(`${id}  ${stateText(execution)}`);
      } catch (error) {
        signal.throwIfAborted();
        if (ids.length === 1) throw error;
        await reportError(error, stderr, { json: options.json === true });
        finish(exitCodes.failed);
      }
    }
  });
}
