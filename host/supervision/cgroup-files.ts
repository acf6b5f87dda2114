import { readFileSync } from "node:fs";
import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { timeouts } from "../timeouts.ts";

/** Put a process into a group. One that has ended needs no place. */
export async function move(pid: number, group: string): Promise<void> {
  await writeFile(join(group, "cgroup.procs"), String(pid)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ESRCH") throw error;
  });
}

/** Kill all in a group of version 2, and wait until it is empty, or for as long as that may take. */
export async function killGroup(group: string): Promise<void> {
  const deadline = Date.now() + timeouts.sweepMs;
  await writeFile(join(group, "cgroup.kill"), "1");
  while ((await isPopulated(group)) && Date.now() < deadline) await sleep(timeouts.sweepIntervalMs);
}

/** Processes in a group and in those below it. */
export async function members(group: string): Promise<number[]> {
  const pids = (await readFile(join(group, "cgroup.procs"), "utf8")).split("\n").filter(Boolean).map(Number);
  for (const name of await subgroups(group)) pids.push(...(await members(join(group, name))));
  return pids;
}

export async function subgroups(group: string): Promise<string[]> {
  const entries = await readdir(group, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** Remove a group with those below it. One that somebody stays in stays as well: the next host's sweep tries again. */
export async function removeGroup(group: string): Promise<void> {
  // What was killed leaves its group a moment later.
  const deadline = Date.now() + timeouts.groupRemoveMs;
  while (!(await tryToRemove(group)) && Date.now() < deadline) await sleep(timeouts.sweepIntervalMs);
}

/** @returns false when somebody is in it */
async function tryToRemove(group: string): Promise<boolean> {
  const below = await subgroups(group).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code !== "ENOENT") throw error;
    return [];
  });
  for (const name of below) if (!(await tryToRemove(join(group, name)))) return false;
  try {
    await rmdir(group);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EBUSY") return false;
    if (code === "ENOENT") return true;
    throw error;
  }
}

/** The number after a name in a file of `name number` lines; 0 without such a line or file. */
export function readCount(file: string, name: string): number {
  try {
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(file, "latin1"))?.[1] ?? 0);
  } catch {
    return 0; // kernels differ in what they count
  }
}

async function isPopulated(group: string): Promise<boolean> {
  return /^populated 1$/m.test(await readFile(join(group, "cgroup.events"), "utf8"));
}
