import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@executor-host/proto/shared/error";

const run = promisify(execFile);

/**
 * Unpack Debian packages into a directory instead of installing them: nothing on the system changes, and no daemon is started.
 *
 * @param directory made when it is complete; quick when it is there
 * @returns the directory, laid out like a file system's root
 * @throws {Error} when this is no Debian, or the packages cannot be had
 */
export async function unpackDebianPackages(
  packages: readonly string[],
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  if (existsSync(directory)) return directory;
  await mkdir(join(directory, ".."), { recursive: true });
  const scratch = await mkdtemp(`${directory}-`);
  try {
    await download(packages, scratch, signal);
    const root = join(scratch, "root");
    for (const file of await readdir(scratch)) {
      if (file.endsWith(".deb")) await run("dpkg", ["-x", join(scratch, file), root], { signal });
    }
    await rename(root, directory);
    return directory;
  } catch (error) {
    throw new Error(`cannot get the Debian packages ${packages.join(", ")}: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A fresh machine has no lists of packages yet. */
async function download(packages: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  const get = () => run("apt-get", ["download", ...packages], { cwd, signal });
  try {
    await get();
  } catch {
    await run("apt-get", ["update"], { signal });
    await get();
  }
}
