import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that belongs to a group of tests. */
export interface TrackedProcess {
  readonly pid: number;
  /** In clock ticks since boot; a process id alone may be given to another process. */
  readonly startTime: string;
  readonly group: string;
  readonly command: string;
}

interface Seen {
  readonly startTime: string;
  readonly group: string;
}

const sampleIntervalMs = 200;

/**
 * Finds every process that tests started, also when it has lost its parent or was given another environment.
 *
 * A process belongs to a group when its environment, arguments or working directory mention the group's directory, and when a process of the
 * group was its parent at any look. Linux only: elsewhere nothing is ever found.
 */
export class ProcessTracker implements Disposable {
  readonly #directories = new Map<string, string>();
  readonly #seen = new Map<number, Seen>();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#look(), sampleIntervalMs);
    this.#timer.unref();
  }

  /** @param directory absolute; in the environment of the group's first process */
  add(group: string, directory: string): void {
    this.#directories.set(directory, group);
  }

  /** The processes of a group that are there now. */
  alive(group: string): TrackedProcess[] {
    this.#look();
    return [...this.#seen]
      .filter(([, seen]) => seen.group === group)
      .map(([pid, seen]) => ({ pid, ...seen, command: textOf(pid, "cmdline").replaceAll("\0", " ").trim() }));
  }

  /** End the processes of a group at once. */
  kill(group: string): void {
    for (const { pid } of this.alive(group)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const table = processTable();
    for (const [pid, { startTime }] of this.#seen) {
      if (table.get(pid)?.startTime !== startTime) this.#seen.delete(pid);
    }
    // Parents come first in most tables; a child that does not is found at the next look.
    for (const [pid, { parent, startTime }] of table) {
      if (this.#seen.has(pid) || pid === process.pid) continue;
      const group = this.#seen.get(parent)?.group ?? this.#groupMentionedBy(pid);
      if (group !== undefined) this.#seen.set(pid, { startTime, group });
    }
  }

  #groupMentionedBy(pid: number): string | undefined {
    const text = `${textOf(pid, "environ")}\0${textOf(pid, "cmdline")}\0${workingDirectoryOf(pid)}\0`;
    for (const [directory, group] of this.#directories) {
      if (text.includes(`${directory}/`) || text.includes(`${directory}\0`)) return group;
    }
    return undefined;
  }
}

/** Zombies are left out: they have ended, and only wait for their parent to notice. */
function processTable(): Map<number, { parent: number; startTime: string }> {
  const table = new Map<number, { parent: number; startTime: string }>();
  for (const name of process.platform === "linux" ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(name)) continue;
    // After the name of the program, which may hold anything: state, parent, and the start time as field 22 of proc(5).
    const [state, parent, ...rest] = textOf(Number(name), "stat")
      .replace(/^.*\) /s, "")
      .split(" ");
    const startTime = rest[17];
    if (startTime === undefined || state === "Z" || state === "X") continue;
    table.set(Number(name), { parent: Number(parent), startTime });
  }
  return table;
}

function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // Gone, or not ours to read.
  }
}

function workingDirectoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
