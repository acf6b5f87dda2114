import type { Command } from "commander";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOfResult } from "../exit-code.ts";
import { follow } from "../follow.ts";
import { addConnectionOptions, addExamples, addJsonOption, numberOption, type ConnectionOptions } from "../options.ts";

interface WatchOptions extends ConnectionOptions {
  readonly from?: number;
  readonly follow: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  command.argument("<id>", "Id of the execution");
  command.addOption(numberOption("--from <sequence>", "First event wanted (default: 1)", 1));
  command.option("--no-follow", "Stop at the newest event instead of waiting for more");
  command.option("-q, --quiet", "Write the job's output only");
  addJsonOption(command, "Write one event a line, as JSON, instead of the output");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["watch nightly-2026-11-21", "Follow an execution from its beginning; the exit code is that of run"],
    ["watch nightly-2026-11-21 --no-follow > output.txt", "Read what there is so far"],
    ["watch nightly-2026-11-21 --from 120 --json", "Follow its events from number 120 on"],
  ]);
  command.action(async (id: string, options: WatchOptions) => {
    await using connection = await connectToHost(options, context);
    const { client } = connection;
    const { signal } = context;
    const { spec } = await client.get(id, { signal });
    const events = client.watch(id, { fromSequence: options.from ?? 1, follow: options.follow, signal });
    const { quiet = false, json = false } = options;
    const { result } = await follow(events, { json, quiet, subject: spec.executor }, context);
    if (result !== undefined) finish(exitCodeOfResult(result));
  });
}
