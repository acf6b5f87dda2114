import { readFile } from "node:fs/promises";
import { HostError } from "@executor-host/proto/shared/error";
import { runTool } from "./run-tool.ts";

/** A user and group of the system that an executor runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Empty when the system knows the number only; so is the next. */
  readonly name: string;
  readonly homeDir: string;
}

/**
 * Look up a user, and a group if it is not to be the user's own.
 *
 * Directory services are asked where the system has `getent`.
 *
 * @throws {HostError} `EXECUTOR_UNUSABLE` when there is none
 */
export async function findAccount(user: string, group: string | undefined): Promise<Account> {
  const entry = await lookUp("passwd", user);
  if (entry === undefined && !isNumber(user)) {
    throw new HostError("EXECUTOR_UNUSABLE", `there is no user ${user}`, {
      hint: `make one: useradd --system --no-create-home ${user}`,
    });
  }
  const [name = "", , uid = user, ownGid, , homeDir = ""] = entry ?? [];
  const gid = group === undefined ? ownGid : await findGroup(group);
  if (gid === undefined) {
    throw new HostError("EXECUTOR_UNUSABLE", `user ${user} has no group`, {
      hint: "say which one with the level group",
    });
  }
  return { uid: Number(uid), gid: Number(gid), name, homeDir };
}

async function findGroup(group: string): Promise<string> {
  if (isNumber(group)) return group;
  const gid = (await lookUp("group", group))?.[2];
  if (gid !== undefined) return gid;
  throw new HostError("EXECUTOR_UNUSABLE", `there is no group ${group}`, {
    hint: `make one: groupadd --system ${group}`,
  });
}

/** The fields of an entry. */
async function lookUp(database: "passwd" | "group", key: string): Promise<readonly string[] | undefined> {
  const asked = await runTool(["getent", database, key]);
  if (asked.ok) return asked.stdout.trimEnd().split(":");
  const text = await readFile(`/etc/${database}`, "utf8").catch(() => "");
  const entries = text.split("\n").map((line) => line.split(":"));
  return entries.find(([name, , id]) => name === key || id === key);
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}
