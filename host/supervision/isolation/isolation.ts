import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { HostError } from "@executor-host/proto/shared/error";
import type { IsolationLevel } from "../../model/model.ts";
import { levelTexts, type IsolationSettings } from "../../settings/isolation.ts";
import type { Binary } from "../catalog.ts";
import type { GroupLimits } from "../limited-groups.ts";
import { findAccount, type Account } from "./accounts.ts";
import { levelMeans, type Reach } from "./means.ts";
import { findTools, wrapperOf } from "./wrapper.ts";

/** How one process is to be started. */
export interface Confined {
  readonly wrapper: readonly string[];
  readonly runsAs: Account | undefined;
  /** Processes of the wrapper that stay as long as the executor's own, each the parent of the next. */
  readonly parents: number;
}

/** unshare, and the first process of the namespace. */
const parentsOfPrivatePids = 2;

/** What the executors' processes are kept from, as the settings ask for it and as far as this machine can. Never less than was asked for. */
export class Isolation {
  readonly #settings: ReadonlyMap<string, IsolationSettings>;
  /** What was found when a level was last looked at, by name and value. A level that was reached once is not tried again. */
  readonly #reached = new Map<string, Reach>();

  constructor(settings: ReadonlyMap<string, IsolationSettings>) {
    this.#settings = settings;
  }

  /** What is asked for an executor. */
  of(name: string): IsolationSettings {
    return { ...this.#settings.get("*"), ...this.#settings.get(name) };
  }

  limitsOf(name: string): GroupLimits {
    const { memoryBytes, cpus, pids } = this.of(name);
    return { memoryBytes, cpus, pids };
  }

  /** Some executor runs as another user. */
  get hasUsers(): boolean {
    return [...this.#settings.values()].some(({ user }) => user !== undefined);
  }

  /** The levels asked for, as they were found when they were last looked at. */
  levelsOf(name: string): readonly IsolationLevel[] {
    return levelTexts(this.of(name)).map(([level, value]) => {
      const reach = this.#reached.get(keyOf(level, value)) ?? { problem: "not looked at yet", hint: "" };
      return "means" in reach
        ? { name: level, value, means: reach.means, problem: "", hint: "" }
        : { name: level, value, means: "", problem: reach.problem, hint: reach.hint };
    });
  }

  /** Try every level asked for that was not reached before. @returns the first that cannot be reached */
  async problemOf(name: string): Promise<HostError | undefined> {
    const settings = this.of(name);
    for (const [level, value] of levelTexts(settings)) {
      const key = keyOf(level, value);
      const before = this.#reached.get(key);
      if (before === undefined || "problem" in before) this.#reached.set(key, await levelMeans(level, settings));
    }
    const missed = this.levelsOf(name).find(({ problem }) => problem !== "");
    if (missed === undefined) return undefined;
    const message = `its isolation ${missed.name}=${missed.value} cannot be reached here: ${missed.problem}`;
    return new HostError("EXECUTOR_UNUSABLE", message, { hint: missed.hint });
  }

  /**
   * How to start a process of an executor.
   *
   * @param joins files of cgroups that it has to write its pid into
   * @param socketsDir where its private directory for sockets will be made
   * @throws {HostError} `EXECUTOR_UNUSABLE` when a level cannot be reached
   */
  async confine({ name, path }: Binary, joins: readonly string[], socketsDir: string): Promise<Confined> {
    const settings = this.of(name);
    if (levelTexts(settings).length === 0) return { wrapper: [], runsAs: undefined, parents: 0 };
    const problem = await this.problemOf(name);
    if (problem !== undefined) throw problem;
    const { user, group } = settings;
    const account = user === undefined ? undefined : await findAccount(user, group);
    if (account !== undefined) await assertPassable(socketsDir, account, user ?? "");
    const writable = settings.writable ?? [];
    const confinement = { ...settings, account, joins, writable, visible: [dirname(path)] };
    const parents = settings.privatePids ? parentsOfPrivatePids : 0;
    return { wrapper: wrapperOf(confinement, await findTools()), runsAs: account, parents };
  }
}

function keyOf(level: string, value: string): string {
  return `${level}=${value}`;
}

/** Sockets can be made by a user only where that user can get to. @throws {HostError} `EXECUTOR_UNUSABLE` */
async function assertPassable(directory: string, { uid, gid }: Account, user: string): Promise<void> {
  for (let place = directory; place !== dirname(place); place = dirname(place)) {
    const found = await stat(place);
    const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
    if (uid === 0 || (found.mode & bit) !== 0) continue;
    throw new HostError("EXECUTOR_UNUSABLE", `user ${user} cannot get to its sockets through ${place}`, {
      hint: `chmod o+x ${place}, or choose another runtime-dir`,
    });
  }
}
