import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { refusedFormat } from "@executor-host/goplugin/client";
import { messageOf } from "@executor-host/proto/shared/error";
import type { SkippedFile } from "../model/model.ts";
import { executorNameForm } from "../settings/map.ts";

/** An executor's binary on disk. */
export interface Binary {
  readonly name: string;
  readonly path: string;
  /** Changes when the file is replaced. */
  readonly version: string;
}

export interface CatalogContents {
  readonly binaries: readonly Binary[];
  readonly skipped: readonly SkippedFile[];
}

const prefix = "dkron-executor-";
const worldWritable = 0o002;

/**
 * Look through plugins directories for executors: regular, executable files named `dkron-executor-NAME` (Dkron's naming).
 *
 * Nothing is started. Every file with that prefix that cannot be used is listed with the reason; other files are none of our business.
 * The same name twice is used from neither place.
 */
export async function scanPlugins(directories: readonly string[]): Promise<CatalogContents> {
  const found = new Map<string, Binary[]>();
  const skipped: SkippedFile[] = [];
  for (const directory of new Set(directories.map((each) => resolve(each)))) {
    let names: string[];
    try {
      names = (await readdir(directory)).filter((name) => name.startsWith(prefix)).toSorted();
    } catch (error) {
      skipped.push({ path: directory, reason: `cannot read the plugins directory: ${messageOf(error)}` });
      continue;
    }
    for (const fileName of names) {
      const path = join(directory, fileName);
      const looked = await look(path, fileName);
      if ("reason" in looked) skipped.push(looked);
      else found.set(looked.name, [...(found.get(looked.name) ?? []), looked]);
    }
  }
  const binaries: Binary[] = [];
  for (const [name, candidates] of found) {
    const [only, ...others] = candidates;
    if (only !== undefined && others.length === 0) {
      binaries.push(only);
      continue;
    }
    const paths = candidates.map((candidate) => candidate.path);
    for (const path of paths) {
      const elsewhere = paths.filter((other) => other !== path).join(", ");
      skipped.push({ path, reason: `the name "${name}" is there twice: also ${elsewhere}; remove one of them` });
    }
  }
  return { binaries, skipped };
}

async function look(path: string, fileName: string): Promise<Binary | SkippedFile> {
  const name = fileName.slice(prefix.length).replace(/\.exe$/, "");
  if (!executorNameForm.test(name)) {
    return { path, reason: `not a usable name: "${name}"; lower-case letters, digits, "_" and "-" are allowed` };
  }
  try {
    const info = await stat(path);
    if (!info.isFile()) return { path, reason: "not a regular file" };
    if ((info.mode & worldWritable) !== 0) {
      return { path, reason: "everybody may write to this file; remove that right (chmod o-w)" };
    }
    await access(path, constants.X_OK);
    const refused = await refusedFormat(path);
    if (refused !== undefined) return { path, reason: refused };
    return { name, path, version: `${info.dev}:${info.ino}:${info.size}:${info.mtimeMs}` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EACCES") return { path, reason: "not executable for this user (chmod +x)" };
    if (code === "ENOENT") return { path, reason: "a link to a file that does not exist" };
    return { path, reason: messageOf(error) };
  }
}
