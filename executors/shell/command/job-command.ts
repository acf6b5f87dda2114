import type { ShellConfig } from "../config.ts";
import { splitWords } from "./words.ts";

/** A program and its arguments, as the job names them. */
export interface JobCommand {
  readonly program: string;
  readonly args: readonly string[];
}

const shellPath = "/bin/sh";

/** @param scriptPath where the text of `script` stands; given when there is one */
export function jobCommand(config: ShellConfig, scriptPath: string | undefined): JobCommand {
  const { command = "", args = [], interpreter, script = "" } = config;
  if (scriptPath !== undefined) {
    if (interpreter === undefined && script.startsWith("#!")) return { program: scriptPath, args };
    const [program = shellPath, ...words] = interpreter ?? [];
    return { program, args: [...words, scriptPath, ...args] };
  }
  // The word after the command is $0.
  if (config.shell) return { program: shellPath, args: ["-c", command, ...(args.length > 0 ? ["sh", ...args] : [])] };
  if (config.args !== undefined) return { program: command, args };
  const [program = "", ...words] = splitWords(command).words ?? [];
  return { program, args: words };
}
