import { stat } from "node:fs/promises";
import { isHostError } from "@executor-host/proto/shared/error";
import type { IsolationSettings } from "../../settings/isolation.ts";
import type { Controller } from "../cgroup-places.ts";
import { tryLimit } from "../limited-groups.ts";
import { findAccount } from "./accounts.ts";
import { runTool } from "./run-tool.ts";
import { findTools, wrapperOf, type Confinement } from "./wrapper.ts";

/** By what a level is reached on this machine, or why it is not and what would help. */
export type Reach = { readonly means: string } | { readonly problem: string; readonly hint: string };

const asRoot = "only root can do that: start the host as root, outside of a container or in a privileged one";

/** How each level is reached: by trying it on a program that does nothing, or by looking where its limit would be set. */
const levels: Readonly<Record<string, (settings: IsolationSettings) => Promise<Reach>>> = {
  user: async ({ user = "", group }) => {
    try {
      const account = await findAccount(user, group);
      return await attempt({ account }, "setpriv", asRoot);
    } catch (error) {
      if (!isHostError(error)) throw error;
      return { problem: error.message, hint: error.hint };
    }
  },
  group: async ({ user }) =>
    user === undefined ? { problem: "it goes with a user", hint: "set the level user as well" } : { means: "setpriv" },
  "no-new-privileges": () => attempt({ noNewPrivileges: true }, "setpriv", "install util-linux"),
  memory: () => limit("memory"),
  cpus: () => limit("cpu"),
  pids: () => limit("pids"),
  "read-only": () => attempt({ readOnly: true }, "a mount namespace", asRoot),
  writable: async ({ writable = [] }) => {
    for (const path of writable) {
      const isDirectory = await stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (!isDirectory) return { problem: `there is no directory ${path}`, hint: "make it, or take it out" };
    }
    return { means: "a mount namespace" };
  },
  "private-tmp": () => attempt({ privateTmp: true }, "a mount namespace", asRoot),
  "private-pids": () => attempt({ privatePids: true }, "a pid namespace", asRoot),
};

/** Find out how a level can be reached. */
export function levelMeans(name: string, settings: IsolationSettings): Promise<Reach> {
  const level = levels[name];
  if (level === undefined) throw new TypeError(`no level is called ${name}`);
  return level(settings);
}

/** All levels of this machine, as an operator could ask for them. */
export async function surveyLevels(): Promise<readonly { readonly level: string; readonly reach: Reach }[]> {
  const nobody = { user: "65534", group: "65534" };
  const names = Object.keys(levels).filter((name) => name !== "group" && name !== "writable");
  const found: { level: string; reach: Reach }[] = [];
  // One by one: a program that is tried is a process in this one's group, and where others are no limit can be held.
  for (const level of names) found.push({ level, reach: await levelMeans(level, nobody) });
  return found;
}

async function attempt(confinement: Confinement, means: string, hint: string): Promise<Reach> {
  const ran = await runTool([...wrapperOf(confinement, await findTools()), "true"]);
  if (ran.ok) return { means };
  return { problem: ran.problem, hint: ran.hint ?? hint };
}

async function limit(controller: Controller): Promise<Reach> {
  const place = await tryLimit(controller);
  return "problem" in place ? place : { means: `cgroup v${place.version} ${place.directory}` };
}
