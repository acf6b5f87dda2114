import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { limits } from "../defaults.ts";

/** A user as the system knows it. */
export interface Account {
  readonly name: string;
  readonly userId: number;
  /** The primary group. */
  readonly groupId: number;
  readonly home: string;
  readonly loginShell: string;
}

/** The user and the group that a job's processes and files get, when they are not this executor's. */
export interface Owner {
  readonly userId: number;
  readonly groupId: number;
}

/**
 * Find a user by name or by number: in /etc/passwd, then through `getent`, which also knows directory services.
 *
 * @returns undefined when there is none
 */
export async function findAccount(nameOrId: string): Promise<Account | undefined> {
  const fields = await findEntry("passwd", nameOrId);
  if (fields === undefined) return undefined;
  const [name = "", , userId, groupId, , home = "", loginShell = ""] = fields;
  return {
    name,
    userId: Number(userId),
    groupId: Number(groupId),
    home: home || "/",
    loginShell: loginShell || "/bin/sh",
  };
}

/** Find a group by name or by number, as `findAccount` finds a user. @returns its number */
export async function findGroupId(nameOrId: string): Promise<number | undefined> {
  const fields = await findEntry("group", nameOrId);
  return fields === undefined ? undefined : Number(fields[2]);
}

async function findEntry(database: "passwd" | "group", nameOrId: string): Promise<string[] | undefined> {
  // A line break or a colon would let a name match something else than a name.
  if (nameOrId === "" || /[:\s]/.test(nameOrId)) return undefined;
  const text = await readFile(`/etc/${database}`, "utf8").catch(() => "");
  return matchingEntry(text, nameOrId) ?? matchingEntry(await askServices(database, nameOrId), nameOrId);
}

/** The entry with this name; failing that, with this number. Both databases have the number in the third field. */
export function matchingEntry(text: string, nameOrId: string): string[] | undefined {
  // Entries without one, such as the + of NIS, stand for something else; an empty number would pass for 0, which is root.
  const entries = text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => /^\d+$/.test(fields[2] ?? ""));
  return entries.find(([name]) => name === nameOrId) ?? entries.find(([, , id]) => id === nameOrId);
}

/** Empty when nothing is found, and on systems without getent, which have no other services either. */
async function askServices(database: string, nameOrId: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("getent", ["--", database, nameOrId], { timeout: limits.helperMs });
    return stdout;
  } catch {
    return "";
  }
}
