import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";

/**
 * Make a directory that only this user may enter, and those above it that are missing. One that is there stays as it is.
 *
 * @param setting what an operator changes to have it elsewhere, such as `state-dir`
 * @throws {HostError} `SETTINGS_INVALID`
 */
export async function makeDirectory(path: string, setting: string): Promise<void> {
  try {
    await make(path);
  } catch (error) {
    throw new HostError("SETTINGS_INVALID", `cannot create ${setting} ${path}: ${messageOf(error)}`, {
      hint: `create it for this user, or choose another directory with --${setting}`,
      cause: error,
    });
  }
}

/** Let everybody pass through a directory, who then sees nothing of what is in it. One that belongs to somebody else stays as it is. */
export async function allowPassage(path: string): Promise<void> {
  const { mode } = await stat(path);
  await chmod(path, (mode & 0o7777) | 0o011).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EPERM") throw error;
  });
}

/** Step by step: with `recursive`, Node 24 takes ENOENT for a missing parent for ever where nobody can make a directory, as in /proc. */
async function make(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  if (dirname(path) !== path) await make(dirname(path));
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!(await isDirectory(path))) throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return found?.isDirectory() === true;
}
