import { Command } from "commander";
import { commands, groups, type CommandEntry } from "./commands.ts";
import type { CliContext } from "./context.ts";
import { exitCodes } from "./exit-code.ts";
import type { Output } from "./output.ts";
import { reportError } from "./report-error.ts";
import { version } from "./version.ts";

const helpFooter = `
Start here:
  $ executor-host run shell command='echo hello'    run one job, without any set-up
  $ executor-host serve                             run a host for schedulers
  $ executor-host COMMAND --help                    what a command does, with examples

A command talks to the running host if there is one. Those that need none start
one of their own for the moment. With --json, errors are JSON, too, on standard error.`;

/**
 * Run one command.
 *
 * @param argv words after the program's name
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const { words, trailing } = splitTrailing(asHelpOption(argv));
  const commandContext: CliContext = { ...context, trailing };
  const program = createProgram(context);
  try {
    const wanted = words.find((word) => !word.startsWith("-"));
    for (const entry of commands) {
      const command = program.command(entry.name, { hidden: entry.hidden === true }).summary(entry.summary);
      command.description(`${entry.summary}.`).helpGroup(groups[entry.group]);
      if (entry.name !== wanted) continue;
      const { define } = await entry.load();
      define(command, commandContext, (code) => (exitCode = code));
    }
    if (words.length === 0) {
      program.outputHelp({ error: true });
      return exitCodes.usage;
    }
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error, context.stderr, {
      json: words.includes("--json"),
      debug: Boolean(context.env["EXECUTOR_HOST_DEBUG"]),
    });
  }
}

/** Commander splits at `--` too, but does not tell where. Commands that take no such words keep them as arguments. */
function splitTrailing(argv: readonly string[]): { words: string[]; trailing: readonly string[] | undefined } {
  const entry: CommandEntry | undefined = commands.find(
    ({ name }) => name === argv.find((word) => !word.startsWith("-")),
  );
  const at = entry?.takesTrailing === true ? argv.indexOf("--") : -1;
  return at < 0
    ? { words: [...argv], trailing: undefined }
    : { words: argv.slice(0, at), trailing: argv.slice(at + 1) };
}

/** `help run` is `run --help`. */
function asHelpOption(argv: readonly string[]): readonly string[] {
  const [first, second] = argv;
  if (first !== "help") return argv;
  return second === undefined ? ["--help"] : [second, "--help"];
}

function createProgram({ stdout, stderr }: CliContext): Command {
  const program = new Command("executor-host");
  return program
    .description("Runs jobs through executors, each a program of its own.")
    .usage("COMMAND [options]")
    .version(version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Print help")
    .helpCommand(false)
    .addHelpText("after", helpFooter)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.stream.write(text),
      writeErr: (text) => void stderr.stream.write(text),
      // Errors are printed in one place, with their hints.
      outputError: () => {},
      getOutHelpWidth: () => helpColumns(stdout),
      getErrHelpWidth: () => helpColumns(stderr),
      getOutHasColors: () => stdout.hasColor,
      getErrHasColors: () => stderr.hasColor,
    })
    .configureHelp({ styleTitle: (title) => `\u001b[1m${title}\u001b[22m`, showGlobalOptions: false });
}

const maxHelpColumns = 120;

function helpColumns({ isTerminal, columns }: Output): number {
  return isTerminal ? Math.min(columns, maxHelpColumns) : maxHelpColumns;
}
