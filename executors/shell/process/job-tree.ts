import { groupExists, type ProcessInfo } from "./proc.ts";
import type { ProcessTable, TableEntry } from "./process-table.ts";

export interface JobTreeOptions {
  readonly table: ProcessTable;
  /** The main process: leader of its own session and process group. */
  readonly leader: ProcessInfo;
  /** Carried by no other job, ever. */
  readonly tag: string;
  /** More pids that are known to belong to the job, such as those of its cgroup. */
  readonly alsoPids: () => readonly number[];
}

/**
 * All processes of one job.
 *
 * A process belongs to a job when it is in the job's session or process group, when a member is its parent, when it carries the job's tag
 * in its environment, or when it was a member at an earlier look. So a process that forked twice, called setsid and lost its parent is
 * still found; only one that did all that and emptied its environment between two looks is not, and for that there are cgroups.
 */
export class JobTree {
  readonly groupId: number;
  readonly #options: JobTreeOptions;
  /** Start times of members seen before, by pid. */
  readonly #known = new Map<number, number>();

  constructor(options: JobTreeOptions) {
    this.groupId = options.leader.pid;
    this.#options = options;
    this.#remember([options.leader]);
  }

  /** Is anybody in the job's process group? Cheap, but counts zombies. */
  groupExists(): boolean {
    return groupExists(this.groupId);
  }

  /** Is this process in the group that the job started with? */
  inGroup(member: ProcessInfo): boolean {
    return member.groupId === this.groupId;
  }

  /** Find living processes by another trait than those above, and count them, and what they start, as members. */
  async adopt(isMember: (candidate: ProcessInfo) => boolean): Promise<readonly ProcessInfo[]> {
    const found = (await this.#options.table.look()).filter((entry) => !entry.zombie && isMember(entry));
    this.#remember(found);
    return found;
  }

  /** Living members, at a moment after this call. */
  async members(): Promise<readonly ProcessInfo[]> {
    const { table, leader, tag, alsoPids } = this.#options;
    const all = await table.look();
    const also = new Set(alsoPids());
    // A pid is not given away while it names a session or a group. So if a stranger has the leader's pid, the job's session is over.
    const sessionOver = all.some(({ pid, startTicks }) => pid === leader.pid && startTicks !== leader.startTicks);
    const members = new Map<number, ProcessInfo>();
    for (const entry of all) {
      const byNumber = !sessionOver && (entry.sessionId === this.groupId || entry.groupId === this.groupId);
      const known = this.#known.get(entry.pid) === entry.startTicks;
      if (byNumber || known || entry.tag === tag || also.has(entry.pid)) members.set(entry.pid, entry);
    }
    addDescendants(members, all);
    this.#remember([...members.values()]);
    return [...members.values()].filter((member) => !member.zombie);
  }

  #remember(members: readonly ProcessInfo[]): void {
    for (const { pid, startTicks } of members) this.#known.set(pid, startTicks);
  }
}

/** Add the children of members, and theirs, until nothing changes. */
function addDescendants(members: Map<number, ProcessInfo>, all: readonly TableEntry[]): void {
  for (let size = -1; size !== members.size;) {
    size = members.size;
    for (const entry of all) if (members.has(entry.parentPid)) members.set(entry.pid, entry);
  }
}
