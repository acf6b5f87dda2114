import type { Command } from "commander";
import { connectOrEmbed } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-code.ts";
import {
  addConnectionOptions,
  addExamples,
  addJsonOption,
  durationOption,
  type ConnectionOptions,
} from "../options.ts";
import { complain } from "../report-error.ts";
import { addRequestOptions, buildRequest, type RequestOptions } from "../request.ts";
import { StatusLine } from "../status-line.ts";
import { pairs } from "../text.ts";

interface ProbeOptions extends RequestOptions, ConnectionOptions {
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  addRequestOptions(command, false);
  command.addOption(durationOption("--timeout <duration>", "Longest wait for an answer (default: 30s)"));
  addJsonOption(command, "Print one JSON object");
  addConnectionOptions(command, true);
  addExamples(command, [
    [
      "probe http method=GET url=https://example.com/",
      "Can the target be reached, and are we let in? Exit code 0 yes, 1 no",
    ],
    ["probe --job job.json", "The same for a Dkron job definition"],
  ]);
  command.action(async (executor: string | undefined, words: readonly string[], options: ProbeOptions) => {
    const { request } = await buildRequest(executor, words, options, context);
    const { stdout, stderr, signal } = context;
    using status = new StatusLine(stderr);
    status.set(`${request.executor} looks for its target`);
    await using connection = await connectOrEmbed(options, context);
    const report = await connection.client.probe(request.executor, request.config, {
      timeoutMs: options.timeout,
      signal,
    });
    status.clear();
    if (!report.ok) finish(exitCodes.failed);
    if (options.json === true) return stdout.json(report);
    if (report.ok) {
      const details = report.details === undefined ? "" : `  ${pairs(report.details)}`;
      return stdout.line(`${stdout.style("green", "ok")}  ${report.message}${details}`);
    }
    const code = report.code === "" ? "" : ` (${report.code})`;
    await complain(stderr, {
      message: `${request.executor} cannot do this now: ${report.message}${code}`,
      details: [],
      hint: "",
    });
  });
}
