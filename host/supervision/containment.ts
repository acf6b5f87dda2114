import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Survivor } from "../model/model.ts";
import { timeouts } from "../timeouts.ts";
import { tagVariable } from "./environment.ts";

/**
 * Keeps what an executor process starts within reach, so that nothing outlives it.
 *
 * With a cgroup v2 hierarchy to write to, each executor process gets a group of its own, and one write kills all in it, whatever they forked or
 * detached. Everything else is found by the tag in its environment.
 */
export class Containment {
  readonly #instanceId: string;
  /** Directory of this instance's groups; undefined without cgroups. */
  readonly #root: string | undefined;

  private constructor(instanceId: string, root: string | undefined) {
    this.#instanceId = instanceId;
    this.#root = root;
  }

  /**
   * Find out what this machine offers, and end what an earlier host of this instance left behind.
   *
   * @param wasAbandoned that host did not stop in order. What is found by its tag after a stop in order was left on purpose, such as a daemon.
   */
  static async open(
    instanceId: string,
    { wasAbandoned }: { readonly wasAbandoned: boolean },
  ): Promise<{ containment: Containment; leftovers: number }> {
    const root = await createRoot(instanceId);
    const containment = new Containment(instanceId, root);
    let leftovers = await containment.#sweepGroups();
    if (wasAbandoned) leftovers += (await killTagged(`${instanceId}/`)).found;
    return { containment, leftovers };
  }

  /** How it is done here, for people. */
  get method(): "cgroup" | "environment tag" {
    return this.#root === undefined ? "environment tag" : "cgroup";
  }

  /** @param process unique among this instance's executor processes */
  async forProcess(process: string): Promise<ProcessGroup> {
    const tag = `${this.#instanceId}/${process}`;
    const group = this.#root === undefined ? undefined : join(this.#root, process);
    if (group !== undefined) await mkdir(group, { recursive: true });
    return new ProcessGroup(tag, group);
  }

  async close(): Promise<void> {
    if (this.#root !== undefined) await removeGroup(this.#root);
  }

  async #sweepGroups(): Promise<number> {
    if (this.#root === undefined) return 0;
    const found = await members(this.#root);
    await killGroup(this.#root);
    for (const name of await subgroups(this.#root)) await removeGroup(join(this.#root, name));
    return found.length;
  }
}

/** Everything one executor process started. */
export class ProcessGroup {
  /** For the process's environment. */
  readonly tag: string;
  readonly #group: string | undefined;

  constructor(tag: string, group: string | undefined) {
    this.tag = tag;
    this.#group = group;
  }

  /** Put the executor process in, before it starts anything. */
  async add(pid: number): Promise<void> {
    if (this.#group !== undefined) await move(pid, this.#group);
  }

  /**
   * Let go of what is left, such as a daemon that a job was told to leave behind: it moves to this host's own group.
   *
   * @returns nobody
   */
  async release(): Promise<readonly Survivor[]> {
    if (this.#group === undefined) return [];
    for (const pid of await members(this.#group)) {
      await move(pid, join(this.#group, "../.."));
    }
    await removeGroup(this.#group);
    return [];
  }

  /** Kill all that is left, verify, and clean up. @returns what could not be killed */
  async killAll(): Promise<readonly Survivor[]> {
    const left = new Map<number, Survivor>();
    if (this.#group !== undefined) {
      await killGroup(this.#group);
      for (const pid of await members(this.#group)) left.set(pid, { pid, command: commandOf(pid) });
      await removeGroup(this.#group);
    }
    // What the executor forked before it was put into its group is found by the tag only.
    for (const survivor of (await killTagged(this.tag)).survivors) left.set(survivor.pid, survivor);
    return [...left.values()];
  }
}

/** A place for groups below our own one, or undefined if there is none to write to. */
async function createRoot(instanceId: string): Promise<string | undefined> {
  try {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const mount = mounts.map((line) => line.split(" ")).find((fields) => fields[fields.indexOf("-") + 1] === "cgroup2");
    const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    if (mount?.[4] === undefined || own === undefined) return undefined;
    const root = join(mount[4], own, `executor-host-${instanceId}`);
    await mkdir(root, { recursive: true });
    await readFile(join(root, "cgroup.kill")).catch((error: NodeJS.ErrnoException) => {
      // Write-only where it exists; older kernels lack it.
      if (error.code === "ENOENT") throw error;
    });
    return root;
  } catch {
    // No cgroup2, or no right to it: the tag serves.
    return undefined;
  }
}

/** Put a process into a group. One that has ended needs no place. */
async function move(pid: number, group: string): Promise<void> {
  await writeFile(join(group, "cgroup.procs"), String(pid)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ESRCH") throw error;
  });
}

async function killGroup(group: string): Promise<void> {
  const deadline = performance.now() + timeouts.sweepMs;
  await writeFile(join(group, "cgroup.kill"), "1");
  while ((await isPopulated(group)) && performance.now() < deadline) await sleep(timeouts.sweepIntervalMs);
}

async function isPopulated(group: string): Promise<boolean> {
  return /^populated 1$/m.test(await readFile(join(group, "cgroup.events"), "utf8"));
}

async function members(group: string): Promise<number[]> {
  const pids = (await readFile(join(group, "cgroup.procs"), "utf8")).split("\n").filter(Boolean).map(Number);
  for (const name of await subgroups(group)) pids.push(...(await members(join(group, name))));
  return pids;
}

async function subgroups(group: string): Promise<string[]> {
  const entries = await readdir(group, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function removeGroup(group: string): Promise<void> {
  for (const name of await subgroups(group)) await removeGroup(join(group, name));
  await rmdir(group).catch((error: NodeJS.ErrnoException) => {
    // A survivor holds it; the next host's sweep tries again.
    if (error.code !== "EBUSY" && error.code !== "ENOENT") throw error;
  });
}

/** Kill every process whose environment carries the tag, until two looks in a row find none. */
async function killTagged(tag: string): Promise<{ found: number; survivors: readonly Survivor[] }> {
  const needle = `${tagVariable}=${tag}`;
  const seen = new Set<number>();
  const deadline = performance.now() + timeouts.sweepMs;
  for (let quiet = 0; quiet < 2;) {
    const pids = taggedProcesses(needle);
    if (pids.length > 0 && performance.now() > deadline) {
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

/** Live processes, zombies left out, with the needle at the start of an environment entry; for a whole tag, at its end too. */
function taggedProcesses(needle: string): number[] {
  const exact = needle.endsWith("/") ? needle : `${needle}\0`;
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (`\0${readFileSync(`/proc/${name}/environ`, "latin1")}`.includes(`\0${exact}`)) pids.push(pid);
    } catch {
      // Gone, or not ours to read.
    }
  }
  return pids;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
