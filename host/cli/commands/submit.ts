import type { Command } from "commander";
import { connectToHost } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";
import { addRequestOptions, buildRequest, type BuiltRequest, type RequestOptions } from "../request.ts";

interface SubmitOptions extends RequestOptions, ConnectionOptions {
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function define(command: Command, context: CliContext): void {
  addRequestOptions(command, true);
  command.option("-q, --quiet", "Print the id only");
  addJsonOption(command, "Print the execution as a JSON object");
  addConnectionOptions(command, false);
  addExamples(command, [
    ["submit shell command='sleep 60'", "Hand a job to the running host; its id is printed"],
    [
      "submit --job job.json --id nightly-2026-11-21",
      "The same id with the same job is accepted once, however often it is sent",
    ],
    [`watch "$(executor-host submit shell command=date)"`, "Submit, then follow"],
  ]);
  command.action(async (executor: string | undefined, words: readonly string[], options: SubmitOptions) => {
    const built = await buildRequest(executor, words, options, context);
    await tellIgnored(built, options, context);
    await submitRequest(built, options, context);
  });
}

/** Hand an execution to the running host, and print its id. */
export async function submitRequest(
  { request }: BuiltRequest,
  options: SubmitOptions,
  context: CliContext,
): Promise<void> {
  await using connection = await connectToHost(options, context);
  const { signal, stdout, stderr } = context;
  const submission = await connection.client.submit(request, { signal });
  const { id } = submission.execution.spec;
  if (options.json === true) return stdout.json(submission);
  await stdout.line(id);
  if (options.quiet === true) return;
  if (submission.alreadyKnown) await stderr.line("this id was known already; nothing new was started");
  else if (stderr.isTerminal) await stderr.line(stderr.style("dim", `follow it: executor-host watch ${id}`));
}

/** Say once which fields of a job definition had no meaning here. */
export async function tellIgnored(
  { ignored }: BuiltRequest,
  { quiet = false }: { readonly quiet?: boolean },
  { stderr }: CliContext,
): Promise<void> {
  if (ignored.length > 0 && !quiet)
    await stderr.line(`note: the scheduler's fields are not used here: ${ignored.join(", ")}`);
}
