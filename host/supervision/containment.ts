import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError, isHostError, messageOf } from "@executor-host/proto/shared/error";
import type { Survivor } from "../model/model.ts";
import { killGroup, members, move, removeGroup, subgroups } from "./cgroup-files.ts";
import { cgroupHint, controllers, findPlace, openUnifiedPlace, ownUnifiedGroup } from "./cgroup-places.ts";
import type { Account } from "./isolation/accounts.ts";
import { makeLimitedGroups, type GroupLimits, type LimitedGroups } from "./limited-groups.ts";
import { commandOf, killTagged } from "./tagged-processes.ts";
import { UnifiedGroup } from "./unified-group.ts";

/**
 * Keeps what an executor process starts within reach, so that nothing outlives it.
 *
 * With a cgroup v2 hierarchy to write to, each executor process gets a group of its own, and one write kills all in it, whatever they forked or
 * detached. Everything else is found by the tag in its environment. This host itself is in none of these groups.
 */
export class Containment {
  readonly #instanceId: string;
  /** Of version 2, where groups of this instance's processes are made; undefined without cgroups. */
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
    const containment = new Containment(instanceId, await createRoot(directoryName(instanceId)));
    let leftovers = await containment.#sweepGroups();
    if (wasAbandoned) leftovers += (await killTagged(`${instanceId}/`)).found;
    await containment.#removeLimited();
    return { containment, leftovers };
  }

  /** How it is done here, for people. */
  get method(): "cgroup" | "environment tag" {
    return this.#root === undefined ? "environment tag" : "cgroup";
  }

  /**
   * @param process unique among this instance's executor processes
   * @param limits for it and everything it starts
   * @throws {HostError} `EXECUTOR_UNUSABLE` when a limit cannot be held here; nothing is left then
   */
  async forProcess(process: string, limits: GroupLimits = {}): Promise<ProcessGroup> {
    const tag = `${this.#instanceId}/${process}`;
    const name = join(directoryName(this.#instanceId), process);
    const unified = this.#root === undefined ? undefined : await UnifiedGroup.create(this.#root, process);
    try {
      return new ProcessGroup(tag, unified, await makeLimitedGroups(name, limits, unified));
    } catch (error) {
      if (unified !== undefined) await removeGroup(unified.directory);
      await this.#removeLimited(process);
      if (isHostError(error)) throw error;
      const message = `its limits cannot be set: ${messageOf(error)}`;
      throw new HostError("EXECUTOR_UNUSABLE", message, { hint: cgroupHint, cause: error });
    }
  }

  async close(): Promise<void> {
    if (this.#root !== undefined) await removeGroup(this.#root);
    await this.#removeLimited();
  }

  async #sweepGroups(): Promise<number> {
    if (this.#root === undefined) return 0;
    const found = await members(this.#root);
    await killGroup(this.#root);
    for (const name of await subgroups(this.#root)) await removeGroup(join(this.#root, name));
    return found.length;
  }

  /** Groups that held limits, of all processes or of one. */
  async #removeLimited(process = ""): Promise<void> {
    const places = await Promise.all(controllers.map(findPlace));
    for (const place of places) {
      if ("problem" in place) continue;
      const directory = join(place.directory, directoryName(this.#instanceId), process);
      if (directory !== this.#root) await removeGroup(directory);
    }
  }
}

/** Everything one executor process started. */
export class ProcessGroup {
  /** For the process's environment. */
  readonly tag: string;
  readonly #unified: UnifiedGroup | undefined;
  readonly #limited: LimitedGroups;

  constructor(tag: string, unified: UnifiedGroup | undefined, limited: LimitedGroups) {
    this.tag = tag;
    this.#unified = unified;
    this.#limited = limited;
  }

  /** Files to write a pid into, for a process to be in before it starts anything. */
  get joins(): readonly string[] {
    const leaf = this.#unified === undefined ? [] : [join(this.#unified.leaf, "cgroup.procs")];
    return [...this.#limited.joins, ...leaf];
  }

  /** Put the executor process in, before it starts anything. One that is started by way of `joins` is in already. */
  async add(pid: number): Promise<void> {
    if (this.#unified !== undefined) await move(pid, this.#unified.leaf);
  }

  /** Let the user that the executor runs as make groups for its jobs. */
  async handOver(account: Account): Promise<void> {
    await this.#unified?.handOver(account);
  }

  /** The limit on memory that all together have reached, so that the kernel has killed one of them. */
  exceededMemoryBytes(): number | undefined {
    return this.#limited.exceededMemoryBytes();
  }

  /**
   * Let go of what is left, such as a daemon that a job was told to leave behind: it moves to this host's own group.
   *
   * @returns nobody
   */
  async release(): Promise<readonly Survivor[]> {
    if (this.#unified === undefined) {
      await this.#remove();
      return [];
    }
    const own = await ownUnifiedGroup();
    for (const pid of await members(this.#unified.directory)) {
      if (own !== undefined) await move(pid, own);
    }
    await this.#remove();
    return [];
  }

  /** Kill all that is left, verify, and clean up. @returns what could not be killed */
  async killAll(): Promise<readonly Survivor[]> {
    const left = new Map<number, Survivor>();
    if (this.#unified !== undefined) {
      const { directory } = this.#unified;
      await killGroup(directory);
      for (const pid of await members(directory)) left.set(pid, { pid, command: commandOf(pid) });
    }
    // What the executor forked before it was put into its group is found by the tag only.
    const looks = this.#unified === undefined ? 2 : 1;
    for (const survivor of (await killTagged(this.tag, looks)).survivors) left.set(survivor.pid, survivor);
    await this.#remove();
    return [...left.values()];
  }

  async #remove(): Promise<void> {
    if (this.#unified !== undefined) await removeGroup(this.#unified.directory);
    for (const directory of this.#limited.directories) await removeGroup(directory);
  }
}

function directoryName(instanceId: string): string {
  return `executor-host-${instanceId}`;
}

/** The group of all of this instance's, or undefined where none can be made, or not be killed as a whole. */
async function createRoot(name: string): Promise<string | undefined> {
  try {
    const place = await openUnifiedPlace();
    if (place === undefined) return undefined;
    const root = join(place, name);
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
