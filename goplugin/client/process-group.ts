import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { timeouts } from "../protocol/defaults.ts";

/**
 * Signal every process of a group.
 *
 * @returns false when there is none any more
 */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ESRCH") return false;
    // EPERM: something of the group runs as somebody else, or (on macOS) only zombies are left.
    if (code === "EPERM") return process.platform !== "darwin";
    throw error;
  }
}

/**
 * Wait until nothing of a group is left.
 *
 * @returns the processes still there after `timeoutMs`, which should be none
 */
export async function waitForGroupEnd(
  groupId: number,
  timeoutMs: number = timeouts.killMs,
): Promise<readonly number[]> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (!signalGroup(groupId, 0)) return [];
    const members = liveMembers(groupId);
    if (members.length === 0 || performance.now() >= deadline) return members;
    await sleep(timeouts.pollMs);
  }
}

/** Zombies do not count: they hold nothing, and where process 1 does not reap they stay for ever. */
function liveMembers(groupId: number): readonly number[] {
  if (process.platform !== "linux") return [groupId];
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    const stat = readStat(pid);
    return stat !== undefined && stat.groupId === groupId && stat.state !== "Z" && stat.state !== "X";
  });
}

function readStat(pid: number): { state: string; groupId: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name stands in parentheses and may itself contain anything.
    const [state = "", , groupId] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, groupId: Number(groupId) };
  } catch {
    // It ended between the listing and this look.
    return undefined;
  }
}
