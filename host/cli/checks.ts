import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { maxSocketPathBytes } from "../settings/address.ts";
import { formatBytes } from "../settings/bytes.ts";
import type { Settings } from "../settings/settings.ts";
import { cgroupHint, controllers, findPlace, ownUnifiedGroup } from "../supervision/cgroup-places.ts";
import { surveyLevels } from "../supervision/isolation/means.ts";

/** One thing about this machine that matters to a host. */
export interface Check {
  readonly name: string;
  /** `fail`: a host would not work; `warn`: it works, with less. */
  readonly level: "ok" | "warn" | "fail";
  readonly message: string;
  readonly hint?: string;
}

const leastNodeMajor = 24;
/** What the host and executors append to the runtime directory: `/12345678/p-XXXXXX/plugin4294967295`. */
const longestSocketTail = 35;

/** Look at this machine, without starting or changing anything. */
export function checkMachine(
  { pluginsDirs, runtimeDir, stateDir, retentionMaxBytes }: Settings,
  env: Readonly<Record<string, string | undefined>>,
): readonly Check[] {
  return [
    checkNode(process.versions.node),
    ...checkPluginsDirs(pluginsDirs),
    checkRuntimeDir(runtimeDir),
    checkStateDir(stateDir, retentionMaxBytes),
    ...["setpriv", "unshare"].map((tool) => checkTool(tool, env["PATH"] ?? "")),
  ];
}

/** What jobs have to do with where there is no group for it. */
const withoutCgroup = {
  memory: "memory limits are held by measuring",
  cpu: "CPU limits do not hold",
  pids: "limits on processes do not hold",
  kill: "processes that escape are found more slowly",
} as const;

/** What limits jobs and executors here, and ends everything of one at once. */
export async function checkCgroups(): Promise<Check> {
  const name = "cgroups";
  const places = await Promise.all(controllers.map(async (each) => ({ each, place: await findPlace(each) })));
  const told = places.map(({ each, place }) =>
    "problem" in place ? `${each}: none (${place.problem})` : `${each}: v${place.version} ${place.directory}`,
  );
  const unified = await ownUnifiedGroup();
  const message = [...told, `kill: ${unified === undefined ? "none" : `v2 ${unified}`}`].join(", ");
  const missed: (keyof typeof withoutCgroup)[] = places.flatMap(({ each, place }) =>
    "problem" in place ? [each] : [],
  );
  if (unified === undefined) missed.push("kill");
  if (missed.length === 0) return { name, level: "ok", message };
  const hint = `${missed.map((each) => withoutCgroup[each]).join(", ")}: ${cgroupHint}`;
  return { name, level: "warn", message, hint };
}

/** Which levels of isolation executors can be held by here. What cannot be reached matters to whom asks for it only. */
export async function checkIsolation(): Promise<readonly Check[]> {
  const name = "isolation";
  const levels = await surveyLevels();
  const reached = levels.flatMap(({ level, reach }) => ("means" in reach ? [`${level} (${reach.means})`] : []));
  const missed = levels.flatMap(({ level, reach }) => ("means" in reach ? [] : [{ level, ...reach }]));
  return [
    { name, level: "ok", message: `can be had: ${reached.join(", ") || "nothing"}` },
    ...missed.map(({ level, problem, hint }): Check => {
      return { name, level: "ok", message: `cannot be had: ${level}: ${problem}`, hint };
    }),
  ];
}

/** Settings of single executors hold for executors that are there. @param executors undefined when that is not known */
export function checkNames(
  { executorPins, executorIsolation }: Settings,
  executors: readonly string[] | undefined,
): readonly Check[] {
  if (executors === undefined) return [];
  return Object.entries({ "executor-pins": executorPins, "executor-isolation": executorIsolation }).flatMap(
    ([setting, values]) =>
      [...values.keys()]
        .filter((name) => name !== "*" && !executors.includes(name))
        .map((name): Check => {
          const hint = `there are ${executors.join(", ") || "none"}`;
          return { name: setting, level: "warn", message: `no executor is named ${name}`, hint };
        }),
  );
}

function checkNode(version: string): Check {
  const isEnough = Number(version.split(".")[0]) >= leastNodeMajor;
  if (isEnough) return { name: "node", level: "ok", message: version };
  return { name: "node", level: "fail", message: version, hint: `version ${leastNodeMajor} or later is needed` };
}

function checkPluginsDirs(dirs: readonly string[]): Check[] {
  const name = "plugins-dirs";
  if (dirs.length === 0)
    return [{ name, level: "warn", message: "there is none, and so no executor", hint: "set plugins-dirs" }];
  return dirs.map((dir): Check => {
    const problem = accessProblem(dir, constants.R_OK | constants.X_OK);
    return problem === undefined
      ? { name, level: "ok", message: dir }
      : { name, level: "warn", message: `${dir}: ${problem}` };
  });
}

function checkRuntimeDir(dir: string): Check {
  const name = "runtime-dir";
  const tooLong = Buffer.byteLength(dir) + longestSocketTail - maxSocketPathBytes;
  if (tooLong > 0) {
    const hint = `a unix socket's path has at most ${maxSocketPathBytes} bytes; choose one that is ${tooLong} bytes shorter`;
    return { name, level: "fail", message: `${dir} is too long`, hint };
  }
  const blocked = checkWritable(name, dir);
  if (blocked !== undefined) return blocked;
  if (existsSync(dir) && (statSync(dir).mode & 0o066) !== 0) {
    return { name, level: "warn", message: `${dir} is open to other users`, hint: `chmod 700 ${dir}` };
  }
  return { name, level: "ok", message: dir };
}

function checkStateDir(dir: string, wantedBytes: number): Check {
  const name = "state-dir";
  const blocked = checkWritable(name, dir);
  if (blocked !== undefined) return blocked;
  const { bavail, bsize } = statfsSync(existingPart(dir));
  const free = bavail * bsize;
  const message = `${dir}, ${formatBytes(free)} free`;
  if (free >= wantedBytes) return { name, level: "ok", message };
  return {
    name,
    level: "warn",
    message,
    hint: `the journal may grow to ${formatBytes(wantedBytes)}: see retention-max-bytes`,
  };
}

function checkWritable(name: string, dir: string): Check | undefined {
  const place = existingPart(dir);
  const problem = accessProblem(place, constants.W_OK | constants.X_OK);
  if (problem === undefined) return undefined;
  const message = place === dir ? `${dir}: ${problem}` : `${dir} cannot be made: ${place}: ${problem}`;
  return { name, level: "fail", message, hint: `choose another one with ${name}, or give this user the right` };
}

function checkTool(tool: string, path: string): Check {
  const found = path
    .split(delimiter)
    .filter((dir) => dir !== "")
    .map((dir) => join(dir, tool))
    .find((file) => accessProblem(file, constants.X_OK) === undefined);
  if (found !== undefined) return { name: tool, level: "ok", message: found };
  const hint = "install util-linux; without it a job may outlive an executor that is killed";
  return { name: tool, level: "warn", message: "not found", hint };
}

/** The directory itself, or the nearest one above it that exists. */
function existingPart(dir: string): string {
  let place = dir;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  return place;
}

function accessProblem(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" ? "does not exist" : "this user may not use it";
  }
}
