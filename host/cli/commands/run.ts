import { Option, type Command } from "commander";
import { HostError, isHostError } from "@executor-host/proto/shared/error";
import { connectOrEmbed, type Connection } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOfResult } from "../exit-code.ts";
import { follow, type Progress } from "../follow.ts";
import { InterruptedError } from "../interrupts.ts";
import { addConnectionOptions, addExamples, addJsonOption, type ConnectionOptions } from "../options.ts";
import { addRequestOptions, buildRequest, type BuiltRequest, type RequestOptions } from "../request.ts";
import { submitRequest, tellIgnored } from "./submit.ts";

interface RunOptions extends RequestOptions, ConnectionOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const notes = `
The job's output goes to standard output and standard error, byte by byte. The
first Ctrl-C asks the job to stop, the second leaves at once; a job nobody
follows any more is stopped, unless it was detached. Other users can see the
arguments of a command: hand secrets over with --config-file.

The host keeps 256MiB of a job's output: the first half and the last. Who reads
more slowly than the job writes may miss what lies in between, and is told how
much. The setting max-output-bytes keeps more or less of every job
(EXECUTOR_HOST_MAX_OUTPUT_BYTES, also for --embedded), --max-output less of this.

Exit codes:
  0    succeeded             64   rejected, or wrong use
  1    failed without one    69   no host there
  N    the job's own         70   the executor crashed
  124  timed out             71   lost
  130  cancelled             74   the output cannot be written
  137  out of memory         75   not started: safe to try again
  141  nobody reads the output`;

export function define(command: Command, context: CliContext, finish: (exitCode: number) => void): void {
  addRequestOptions(command, true);
  command.addOption(
    new Option("-d, --detach", "Return at once and print the id; the running host goes on").conflicts([
      "embedded",
      "pluginsDir",
    ]),
  );
  command.option("-q, --quiet", "Write the job's output only");
  addJsonOption(command, "Write one event a line, as JSON, instead of the output");
  addConnectionOptions(command, true);
  addExamples(command, [
    ["run shell command='echo hello'", "Run a command"],
    ["run shell -- grep -c 'two words' /etc/hosts", "Run a command line as it stands, without quoting it again"],
    ["run http method=GET url=http://127.0.0.1:8080/health --timeout 30s", "Call a URL, for 30 seconds at most"],
    ["run --job job.json", "Run a Dkron job definition once"],
    ["run shell --config-file - < config.json", "Hand over a config, with its secrets, on standard input"],
    ["run shell command=./import --retries 3 --idempotent --attempt-timeout 10m", "Try up to four times"],
  ]);
  command.addHelpText("after", notes);
  command.action(async (executor: string | undefined, words: readonly string[], options: RunOptions) => {
    const built = await buildRequest(executor, words, options, context);
    await tellIgnored(built, options, context);
    if (options.detach === true) await submitRequest(built, options, context);
    else finish(await run(built, options, context));
  });
}

async function run({ request }: BuiltRequest, options: RunOptions, context: CliContext): Promise<number> {
  const { json = false, quiet = false } = options;
  const stop = new AbortController();
  let ask: ((signal: NodeJS.Signals) => void) | undefined;
  using _charge = context.interrupts.take((signal) => {
    const error = new InterruptedError(signal);
    if (stop.signal.aborted) return context.exit(error.exitCode);
    if (ask === undefined) return stop.abort(error);
    ask(signal);
    ask = undefined;
  });
  await using connection = await connectOrEmbed(options, context, stop.signal);
  const { client } = connection;
  const events = client.execute(request, { cancelOnDisconnect: true, signal: stop.signal });
  ask = (signal) => {
    if (context.stderr.isTerminal) void context.stderr.line("\nasking the job to stop; Ctrl-C again leaves at once");
    client.cancel(request.id, { reason: `interrupted by ${signal}` }).catch((error: unknown) => {
      // Until its executor has started, an execution is not accepted. Then leaving is enough.
      const isUnknown = isHostError(error) && error.code === "EXECUTION_NOT_FOUND";
      stop.abort(isUnknown ? new InterruptedError(signal) : error);
    });
  };
  const progress: Progress = { result: undefined, lastSequence: 0 };
  try {
    const { result } = await follow(events, { json, quiet, subject: request.executor }, context, progress);
    if (result === undefined) throw new HostError("INTERNAL", "the host told no result");
    return exitCodeOfResult(result);
  } catch (error) {
    throw withWayBack(error, connection, request.id, progress);
  }
}

/** When the link broke, say how to find the execution again. */
function withWayBack(error: unknown, { isEmbedded }: Connection, id: string, { lastSequence }: Progress): unknown {
  if (isEmbedded || !isHostError(error) || error.code !== "HOST_UNREACHABLE") return error;
  const hint = `when the host is back: executor-host watch ${id} --from ${lastSequence + 1}`;
  return new HostError(error.code, error.message, { hint, cause: error });
}
