import { constants, readFileSync } from "node:fs";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf } from "@executor-host/proto/shared/error";
import { move } from "./cgroup-files.ts";

/** What a group of processes can be limited in. */
export const controllers = ["memory", "cpu", "pids"] as const;

export type Controller = (typeof controllers)[number];

/** A cgroup in which groups can be made, where a controller works for them. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  readonly directory: string;
}

/** Why there is no place, and what would help. */
export interface NoPlace {
  readonly problem: string;
  readonly hint: string;
}

/** One hierarchy, and where this process is in it. */
interface Hierarchy {
  readonly version: 1 | 2;
  /** Of version 1. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  readonly own: string;
}

/** Where this process is in the hierarchy of version 2. */
export type UnifiedPosition = Pick<Hierarchy, "own" | "mountPoint">;

/** The group that the host has to itself, so that those beside it can be limited. */
const leafName = "executor-host";

/** What helps whoever has no right to cgroups. */
export const cgroupHint = "run the host as a service of its own with Delegate=yes, or as root outside of a container";

/**
 * The cgroup of version 2 that this process is in, if groups can be made below it and killed as a whole.
 *
 * @returns undefined where that is not so
 */
export async function ownUnifiedGroup(): Promise<string | undefined> {
  const unified = readUnified();
  if (unified === undefined || (await writeProblem(unified.own)) !== undefined) return undefined;
  return unified.own;
}

/**
 * The cgroup of version 2 in which this host makes its groups, with every controller working for them that can be had. This process may move down for
 * that.
 *
 * @returns undefined where no groups can be made; it may also be one without any controller
 */
export async function openUnifiedPlace(
  unified: UnifiedPosition | undefined = readUnified(),
): Promise<string | undefined> {
  if (unified === undefined) return undefined;
  let directory: string | undefined;
  for (const controller of controllers) {
    const place = await findUnifiedPlace(unified, controller);
    if ("problem" in place || (directory !== undefined && place.directory !== directory)) continue;
    try {
      await prepareUnifiedPlace(place.directory, controller);
      directory ??= place.directory;
    } catch {
      // Who asks for a limit hears of it; who asks for none can do without.
    }
  }
  return directory ?? ((await writeProblem(unified.own)) === undefined ? unified.own : undefined);
}

/**
 * Find where a controller can limit groups of processes, without changing anything.
 *
 * Of version 1, below the group this process is in. Of version 2 that works only below a group without processes of its own: below ours when it is
 * the root, or when nobody but this process is in it, which then moves down; otherwise beside ours, if the group above is made for that.
 */
export async function findPlace(controller: Controller): Promise<CgroupPlace | NoPlace> {
  const hierarchies = readHierarchies();
  const old = hierarchies.find((each) => each.version === 1 && each.controllers.includes(controller));
  if (old !== undefined) {
    const problem = await writeProblem(old.own);
    if (problem === undefined) return { version: 1, directory: old.own };
    return { problem: `cgroup v1 ${old.own}: ${problem}`, hint: cgroupHint };
  }
  const unified = hierarchies.find(({ version }) => version === 2);
  if (unified === undefined) return { problem: "no cgroups are mounted", hint: "mount /sys/fs/cgroup" };
  return findUnifiedPlace(unified, controller);
}

/** Make a controller work for groups made in a place of version 2. @throws the error of the file system */
export async function prepareUnifiedPlace(directory: string, controller: Controller): Promise<void> {
  if (await isEnabled(directory, controller)) return;
  const inside = await pidsIn(directory);
  if (inside.length === 1 && inside[0] === process.pid && !isRoot(directory)) {
    const leaf = join(directory, leafName);
    await mkdir(leaf, { recursive: true });
    await move(process.pid, leaf);
  }
  // The kernel would take some controllers all the same, and then let no process into any group below.
  if (!isRoot(directory) && (await pidsIn(directory)).length > 0)
    throw new Error(`${directory}: other processes are in it`);
  await enable(directory, controller);
}

/** All groups of version 2 but the root of the hierarchy tell their type. */
function isRoot(directory: string): boolean {
  return textOf(join(directory, "cgroup.type")) === "";
}

function readUnified(): UnifiedPosition | undefined {
  return readHierarchies().find(({ version }) => version === 2);
}

/** Let a controller of version 2 work for the groups below one. @throws the error of the file system */
export async function enable(directory: string, controller: Controller): Promise<void> {
  await writeFile(join(directory, "cgroup.subtree_control"), `+${controller}`);
}

/** As `findPlace`, of version 2. */
export async function findUnifiedPlace(
  { own, mountPoint }: UnifiedPosition,
  controller: Controller,
): Promise<CgroupPlace | NoPlace> {
  const above = dirname(own);
  const isTop = own === mountPoint;
  const canBeBeside = !isTop && (await isEnabled(above, controller)) && (await writeProblem(above)) === undefined;
  // Where this process has moved down to, or a service manager has put it.
  if (canBeBeside && basename(own) === leafName) return { version: 2, directory: above };
  const offered = (await readOr(join(own, "cgroup.controllers"))).split(/\s+/);
  if (!offered.includes(controller)) {
    return { problem: `cgroup v2 ${own}: has no controller ${controller}`, hint: cgroupHint };
  }
  const problem = await writeProblem(own);
  if (problem !== undefined) return { problem: `cgroup v2 ${own}: ${problem}`, hint: cgroupHint };
  const others = (await pidsIn(own)).filter((pid) => pid !== process.pid);
  // The top of what a container sees is no root, though nothing is above it.
  if ((isTop && isRoot(own)) || others.length === 0) return { version: 2, directory: own };
  if (canBeBeside) return { version: 2, directory: above };
  return {
    problem: `cgroup v2 ${own}: other processes are in it (${others.slice(0, 3).join(", ")}), so that none below it can be limited`,
    hint: cgroupHint,
  };
}

/** Source: proc_pid_mountinfo(5) and cgroups(7). */
function readHierarchies(): Hierarchy[] {
  const paths = textOf("/proc/self/cgroup")
    .split("\n")
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
    .flatMap((match) => (match === null ? [] : [{ names: (match[1] ?? "").split(","), path: match[2] ?? "/" }]));
  const found: Hierarchy[] = [];
  for (const line of textOf("/proc/self/mountinfo").split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "/", mountPoint = ""] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const names = type === "cgroup2" ? [""] : options.split(",");
    const mine = paths.find((each) => each.names.some((name) => names.includes(name)));
    if (mine === undefined) continue;
    const base = root === "/" ? "" : root;
    // What is outside of the part that is mounted cannot be seen; then the mount itself is as near as it gets.
    const inside = mine.path === base || mine.path.startsWith(`${base}/`) ? mine.path.slice(base.length) : "";
    found.push({
      version: type === "cgroup2" ? 2 : 1,
      controllers: type === "cgroup2" ? [] : names,
      mountPoint,
      own: join(mountPoint, inside).replace(/(?<=.)\/$/, ""),
    });
  }
  return found;
}

/** Can groups be made here, and processes put into them? */
async function writeProblem(directory: string): Promise<string | undefined> {
  try {
    await access(directory, constants.W_OK);
    await access(join(directory, "cgroup.procs"), constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EROFS") return "is mounted read-only";
    return code === "EACCES" ? "this user may not write to it" : messageOf(error);
  }
}

async function isEnabled(directory: string, controller: Controller): Promise<boolean> {
  return (await readOr(join(directory, "cgroup.subtree_control"))).split(/\s+/).includes(controller);
}

/** Empty where there is no such file. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function pidsIn(directory: string): Promise<number[]> {
  return (await readOr(join(directory, "cgroup.procs"))).split("\n").filter(Boolean).map(Number);
}

async function readOr(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
