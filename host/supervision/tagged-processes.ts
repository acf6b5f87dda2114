import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Survivor } from "../model/model.ts";
import { timeouts } from "../timeouts.ts";
import { tagVariable } from "./environment.ts";

/** How long a look may hold up everything else that this host does. A machine may have thousands of processes. */
const sliceMs = 1;

/**
 * Kill every process whose environment carries the tag, until two looks in a row find none.
 *
 * @param tag a whole one, or the beginning of several, which ends with a slash
 */
export async function killTagged(tag: string): Promise<{ found: number; survivors: readonly Survivor[] }> {
  const needle = `${tagVariable}=${tag}`;
  const seen = new Set<number>();
  const deadline = Date.now() + timeouts.sweepMs;
  for (let quiet = 0; quiet < 2;) {
    const pids = await taggedProcesses(needle);
    if (pids.length > 0 && Date.now() > deadline) {
      return { found: seen.size, survivors: pids.map((pid) => ({ pid, command: commandOf(pid) })) };
    }
    quiet = pids.length === 0 ? quiet + 1 : 0;
    for (const pid of pids) {
      seen.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended in the meantime.
      }
    }
    if (quiet < 2 && seen.size > 0) await sleep(timeouts.sweepIntervalMs);
  }
  return { found: seen.size, survivors: [] };
}

/** The command line of a process, for people; empty when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** Live processes, zombies left out, with the needle at the start of an environment entry; for a whole tag, at its end too. */
async function taggedProcesses(needle: string): Promise<number[]> {
  const exact = needle.endsWith("/") ? needle : `${needle}\0`;
  const pids: number[] = [];
  let sinceMs = performance.now();
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (performance.now() - sinceMs > sliceMs) {
      await nextTurn();
      sinceMs = performance.now();
    }
    try {
      if (`\0${readFileSync(`/proc/${name}/environ`, "latin1")}`.includes(`\0${exact}`)) pids.push(pid);
    } catch {
      // Gone, or not ours to read.
    }
  }
  return pids;
}
