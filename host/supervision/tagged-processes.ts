import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Survivor } from "../model/model.ts";
import { timeouts } from "../timeouts.ts";
import { tagVariable } from "./environment.ts";

/** How long a look may hold up everything else that this host does. A machine may have thousands of processes. */
const sliceMs = 1;

/** Most environments fit in. */
const bufferBytes = 1 << 17;

/**
 * Kill every process whose environment carries the tag, until two looks in a row find none.
 *
 * @param tag a whole one, or the beginning of several, which ends with a slash
 * @param looks how many must find none if the first does not find any: one will do for what cannot fork any more
 */
export async function killTagged(tag: string, looks = 2): Promise<{ found: number; survivors: readonly Survivor[] }> {
  const needle = `${tagVariable}=${tag}`;
  const seen = new Set<number>();
  const deadline = Date.now() + timeouts.sweepMs;
  for (let quiet = 0; quiet < (seen.size > 0 ? 2 : looks);) {
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
  const entry = `\0${needle}${needle.endsWith("/") ? "" : "\0"}`;
  const buffer = Buffer.alloc(bufferBytes);
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
      if (environmentOf(pid, buffer).includes(entry)) pids.push(pid);
    } catch {
      // Gone, or not ours to read.
    }
  }
  return pids;
}

/**
 * A process's environment, with a zero byte before each entry and after the last.
 *
 * @param buffer begins with a zero byte; the answer may lie in it
 */
function environmentOf(pid: number, buffer: Buffer): Buffer {
  const file = openSync(`/proc/${pid}/environ`, "r");
  try {
    const length = 1 + readSync(file, buffer, 1, buffer.length - 1, null);
    return length < buffer.length ? buffer.subarray(0, length) : Buffer.concat([buffer, readFileSync(file)]);
  } finally {
    closeSync(file);
  }
}
