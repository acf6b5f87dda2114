import { readdirSync, readFileSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";

/** A cgroup's directory and those of all cgroups below it, deepest first: the order in which they can be removed. */
async function withChildren(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => withChildren(join(directory, entry.name))),
  );
  return [...below.flat(), directory];
}

/** Remove a cgroup with all cgroups below it. @returns false when a process is still in one of them */
export async function removeCgroup(directory: string): Promise<boolean> {
  for (const one of await withChildren(directory)) {
    const gone = await rmdir(one).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === "ENOENT",
    );
    if (!gone) return false;
  }
  return true;
}

/** The pids in a cgroup and in all cgroups below it. */
export function pidsIn(directory: string): number[] {
  const pids = (readOrEmpty(join(directory, "cgroup.procs")) ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) pids.push(...pidsIn(join(directory, entry.name)));
    }
  } catch {
    // Removed by the job itself: nobody is in it.
  }
  return pids;
}

/** The number after a name in a file of `name number` lines, or the only number of a file when no name is given. */
export function readNumber(directory: string, file: string, name?: string): number | undefined {
  const text = readOrEmpty(join(directory, file));
  const match = name === undefined ? /^(\d+)\s*$/.exec(text) : new RegExp(`^${name} (\\d+)$`, "m").exec(text);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Files of the kernel come and go with versions and cgroups. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
