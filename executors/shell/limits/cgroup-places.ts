import { constants } from "node:fs";
import { access, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readProcess, type ProcessInfo } from "../process/proc.ts";
import { removeCgroup } from "./cgroup-files.ts";
import { controllers, parseHierarchies, type Controller, type Hierarchy } from "./hierarchies.ts";

/** A directory in which cgroups for jobs can be made. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  readonly directory: string;
}

/** Where this executor can make cgroups for its jobs, by what they are for. */
export interface CgroupPlaces {
  /** Where a controller works for the cgroups made there. */
  readonly byController: Readonly<Partial<Record<Controller, CgroupPlace>>>;
  /** For knowing and ending a job's processes: version 2 if there is one, as it can end them all at once. */
  readonly tracking: CgroupPlace | undefined;
}

/** First part of the names of all cgroups of all executors like this one. */
const namePrefix = "executor-host-job-";

/** Begins with the identity of this executor, so that a later one can tell whose cgroups are left over. */
export function cgroupName(self: ProcessInfo, number: number): string {
  return `${namePrefix}${self.pid}-${self.startTicks}-${number}`;
}

/** Look at this machine. Never throws: what cannot be used is left out. */
export async function findCgroupPlaces(): Promise<CgroupPlaces> {
  const [mountInfo, ownCgroups] = await Promise.all([
    readOr("/proc/self/mountinfo", ""),
    readOr("/proc/self/cgroup", ""),
  ]);
  const places = await choosePlaces(parseHierarchies(mountInfo, ownCgroups));
  const used = [places.tracking, ...Object.values(places.byController)].flatMap((place) => place?.directory ?? []);
  await Promise.all([...new Set(used)].map(removeLeftovers));
  return places;
}

/** Decide where to make cgroups. May switch on controllers for the cgroups below the one this process is in. */
export async function choosePlaces(hierarchies: readonly Hierarchy[]): Promise<CgroupPlaces> {
  const byController: Partial<Record<Controller, CgroupPlace>> = {};
  let tracking: CgroupPlace | undefined;
  for (const hierarchy of hierarchies.filter(({ version }) => version === 1)) {
    const directory = hierarchy.ownDirectory;
    if (hierarchy.controllers.length === 0 || !(await isUsable(directory))) continue;
    tracking ??= { version: 1, directory };
    for (const controller of hierarchy.controllers) byController[controller] = { version: 1, directory };
  }
  for (const hierarchy of hierarchies.filter(({ version }) => version === 2)) {
    const chosen = await chooseInUnified(hierarchy);
    if (chosen === undefined) continue;
    tracking = { version: 2, directory: chosen.directory };
    for (const controller of chosen.controllers) byController[controller] = tracking;
  }
  return { byController, tracking };
}

/**
 * In version 2, controllers only work below a cgroup that has no processes of its own. Ours has: this one. So jobs go below it only when it
 * is the root, which is exempt; otherwise beside it, if the cgroup above is ours to write to, as it is when the host or a service manager has
 * put this executor into a subgroup of what it delegates. Failing both, below it, without controllers.
 *
 * Nothing is switched on below our own: the kernel would take `cpu` and `pids`, and then let no process into any cgroup there.
 */
async function chooseInUnified({
  mountPoint,
  ownDirectory,
}: Hierarchy): Promise<{ directory: string; controllers: Controller[] } | undefined> {
  const own = (await isUsable(ownDirectory))
    ? {
        directory: ownDirectory,
        controllers: (await isRoot(ownDirectory)) ? await enableControllers(ownDirectory) : [],
      }
    : undefined;
  if (own !== undefined && own.controllers.length > 0) return own;
  const above = dirname(ownDirectory);
  if (ownDirectory !== mountPoint && (await isUsable(above))) {
    const enabled = await controllersIn(join(above, "cgroup.subtree_control"));
    if (enabled.length > 0) return { directory: above, controllers: enabled };
  }
  return own;
}

/** All cgroups but the root tell their type. */
async function isRoot(directory: string): Promise<boolean> {
  return (await readOr(join(directory, "cgroup.type"), "")) === "";
}

async function enableControllers(directory: string): Promise<Controller[]> {
  const control = join(directory, "cgroup.subtree_control");
  const enabled = await controllersIn(control);
  for (const controller of await controllersIn(join(directory, "cgroup.controllers"))) {
    if (enabled.includes(controller)) continue;
    // A controller that is there and cannot be had, such as one that is in use elsewhere.
    const done = await writeFile(control, `+${controller}`).then(
      () => true,
      () => false,
    );
    if (done) enabled.push(controller);
  }
  return enabled;
}

async function controllersIn(path: string): Promise<Controller[]> {
  const names = (await readOr(path, "")).trim().split(/\s+/);
  return controllers.filter((controller) => names.includes(controller));
}

/** Remove cgroups of executors that are no more. Those that still have processes stay. */
async function removeLeftovers(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((): string[] => []);
  for (const entry of entries) {
    const [, pid, startTicks] = /^executor-host-job-(\d+)-(\d+)-/.exec(entry) ?? [];
    if (pid === undefined || readProcess(Number(pid))?.startTicks === Number(startTicks)) continue;
    await removeCgroup(join(directory, entry));
  }
}

/** Can cgroups be made here, and processes be moved there from below? */
async function isUsable(directory: string): Promise<boolean> {
  const files = [directory, join(directory, "cgroup.procs")];
  return Promise.all(files.map((file) => access(file, constants.W_OK))).then(
    () => true,
    () => false,
  );
}

async function readOr(path: string, otherwise: string): Promise<string> {
  return readFile(path, "utf8").catch(() => otherwise);
}
