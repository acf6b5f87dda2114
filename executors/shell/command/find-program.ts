import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { StartFailure } from "../failure.ts";

/**
 * Find the file of a program, as a shell does: a name with a slash is a path, relative to the working directory; any other name is
 * looked for in the directories of `searchPath`.
 *
 * @param cwd empty for that of this executor
 * @returns an absolute path
 * @throws {StartFailure} `COMMAND_NOT_FOUND` or `NOT_EXECUTABLE`: what a shell would say with exit codes 127 and 126
 */
export function findProgram(name: string, searchPath: string, cwd: string): string {
  if (name === "") throw notFound(`command not found: ""`, "the command line starts with an empty word");
  const candidates = name.includes("/")
    ? [resolve(cwd, name)]
    : searchPath.split(":").map((directory) => resolve(cwd, directory, name));
  let refused: StartFailure | undefined;
  for (const path of candidates) {
    const problem = problemWith(path);
    if (problem === undefined) return path;
    if (problem !== "missing") refused ??= new StartFailure("NOT_EXECUTABLE", `cannot execute ${path}: ${problem}`);
  }
  if (refused !== undefined) throw refused;
  if (name.includes("/")) throw notFound(`command not found: ${candidates[0]}`);
  throw notFound(`command not found: ${name}`, `it is in no directory of the job's PATH: ${searchPath}`);
}

function notFound(message: string, hint?: string): StartFailure {
  return new StartFailure("COMMAND_NOT_FOUND", message, { hint });
}

/** Without waiting for the file system's answer in a thread: starting the program blocks on the same files a moment later anyway. */
function problemWith(path: string): "missing" | "it is a directory" | "no permission" | undefined {
  try {
    if (statSync(path).isDirectory()) return "it is a directory";
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "no permission" : "missing";
  }
}
