import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/**
 * The path of the file that a command means, as `execvp` finds it: names with a slash as they are, bare names in the child's own `PATH`.
 *
 * @returns undefined when a bare name is nowhere in `PATH`; other paths are not checked
 */
export function resolveCommand(
  command: string,
  options: { cwd: string; env: Readonly<Record<string, string>> },
): string | undefined {
  if (command.includes("/")) return resolve(options.cwd, command);
  const directories = (options.env["PATH"] ?? "").split(delimiter);
  return directories.map((directory) => resolve(options.cwd, join(directory, command))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not here, or not for this user: the next directory may have it.
    return false;
  }
}
