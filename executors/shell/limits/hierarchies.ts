/** The controllers this executor has a use for. */
export const controllers = ["memory", "pids", "cpu", "cpuacct"] as const;

export type Controller = (typeof controllers)[number];

/** One mounted cgroup hierarchy, and this process's place in it. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Of version 1: those mounted together here. Of version 2: empty, as each cgroup has its own. */
  readonly controllers: readonly Controller[];
  readonly mountPoint: string;
  /** Directory of the cgroup that this process is in. */
  readonly ownDirectory: string;
}

/**
 * Find the cgroup hierarchies: only the unified one (v2), several by controller (v1), or both (hybrid).
 *
 * Source: proc_pid_mountinfo(5) and cgroups(7).
 *
 * @param mountInfo text of /proc/self/mountinfo
 * @param ownCgroups text of /proc/self/cgroup
 */
export function parseHierarchies(mountInfo: string, ownCgroups: string): Hierarchy[] {
  const own = ownCgroups
    .split("\n")
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, names = "", path = "/"]) => ({ names: names.split(","), path }));
  const found: Hierarchy[] = [];
  for (const line of mountInfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "/", mountPoint = ""] = before.split(" ").map(unescape);
    const [type, , options = ""] = after.split(" ");
    const names = type === "cgroup2" ? [""] : options.split(",");
    const mine =
      type === "cgroup" || type === "cgroup2"
        ? own.find((entry) => entry.names.some((name) => names.includes(name)))
        : undefined;
    if (mine === undefined) continue;
    found.push({
      version: type === "cgroup2" ? 2 : 1,
      controllers: type === "cgroup2" ? [] : controllers.filter((name) => names.includes(name)),
      mountPoint,
      ownDirectory: below(mountPoint, root, mine.path),
    });
  }
  return found;
}

/** Where the cgroup `path` is seen when `root` of its hierarchy is mounted at `mountPoint`; a path outside of `root` cannot be seen. */
function below(mountPoint: string, root: string, path: string): string {
  const base = root === "/" ? "" : root;
  const inside = path === base || path.startsWith(`${base}/`) ? path.slice(base.length) : "";
  return (mountPoint + inside).replace(/\/+$/, "") || "/";
}

/** mountinfo writes blanks and backslashes as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
