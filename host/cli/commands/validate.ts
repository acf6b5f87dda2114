import type { Command } from "commander";
import { connectOrEmbed } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";
import { complain, violationLine } from "../report-error.ts";
import { addRequestOptions, buildRequest, type RequestOptions } from "../request.ts";

interface ValidateOptions extends RequestOptions, ConnectionOptions {
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  addRequestOptions(command, false);
  addJsonOption(command, "Print one JSON object");
  addConnectionOptions(command, true);
  addExamples(command, [
    ["validate shell command='echo hello' timeout=30s", "Would this be accepted? Exit code 0 yes, 64 no"],
    ["validate --job job.json", "Check a Dkron job definition before it is scheduled"],
  ]);
  command.action(async (executor: string | undefined, words: readonly string[], options: ValidateOptions) => {
    const { request } = await buildRequest(executor, words, options, context);
    await using connection = await connectOrEmbed(options, context);
    const { stdout, stderr, signal } = context;
    const violations = await connection.client.validate(request, { signal });
    if (violations.length > 0) finish(exitCodes.usage);
    if (options.json === true) return stdout.json({ valid: violations.length === 0, violations });
    if (violations.length === 0) return stdout.line("valid");
    await complain(stderr, {
      message: `${request.executor} would not accept this`,
      details: violations.map(violationLine),
      hint: `executor-host describe ${request.executor} shows its keys`,
    });
  });
}
