import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { timeouts } from "../protocol/defaults.ts";
import { isAlive, readProcessStat } from "../protocol/process-identity.ts";

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
  // Mostly it is a matter of moments.
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, timeouts.pollMs)) {
    if (!signalGroup(groupId, 0)) return [];
    const members = liveMembers(groupId);
    if (members.length === 0 || performance.now() >= deadline) return members;
    await sleep(waitMs);
  }
}

function liveMembers(groupId: number): readonly number[] {
  if (process.platform !== "linux") return [groupId];
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    const stat = readProcessStat(pid);
    return stat !== undefined && stat.groupId === groupId && isAlive(stat);
  });
}
