import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { TemplateFile } from "./templates.ts";

/** The name that stands in the templates for every other. */
const placeholder = "checksum";
/** Files in which that word means something else; there it stands for the name in `dkron-executor-checksum` only. */
const foreignFile = /\.(lock|sum)$/;
const longestName = 64;

/** @throws {HostError} `SPEC_INVALID` when jobs cannot call an executor by this name */
export function assertExecutorName(name: string): void {
  if (name.length > longestName) {
    throw new HostError("SPEC_INVALID", `the name has ${name.length} characters; ${longestName} are the most`);
  }
  if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return;
  const near = name
    .toLowerCase()
    .replace(/^dkron-executor-/, "")
    .replaceAll(/[^a-z0-9_-]+/g, "-")
    .replaceAll(/^[-_]+|-+$/g, "");
  throw new HostError("SPEC_INVALID", `not a name for an executor: ${JSON.stringify(name)}`, {
    hint: `write lower-case letters, digits, "_" and "-"${near === "" ? "" : `, such as ${near}`}`,
  });
}

/**
 * Write a project: all of it or nothing.
 *
 * @param directory absolute; must not exist, or be empty
 * @returns the paths written, relative to the directory
 * @throws {HostError} `SPEC_INVALID` when there is something already, or it cannot be written
 */
export async function writeProject(
  files: readonly TemplateFile[],
  name: string,
  directory: string,
): Promise<readonly string[]> {
  await assertVacant(directory);
  try {
    await makeDirectory(dirname(directory));
    // Beside it, so that it can be put in place in one step.
    const unfinished = await mkdtemp(join(dirname(directory), `.${basename(directory)}.`));
    try {
      const paths: string[] = [];
      for (const file of files) paths.push(await writeTemplate(file, name, unfinished));
      const project = join(unfinished, "project");
      await rename(project, directory);
      return paths;
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  } catch (error) {
    throw new HostError("SPEC_INVALID", `cannot write ${directory}: ${messageOf(error)}`, { cause: error });
  }
}

async function assertVacant(directory: string): Promise<void> {
  const taken = await readdir(directory).then(
    (names) => names.length > 0,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== "ENOENT",
  );
  if (!taken) return;
  throw new HostError("SPEC_INVALID", `${directory} is there already`, { hint: "name another directory with --dir" });
}

/** With those above it. Node's own way never ends in file systems such as /proc, where one that is not there cannot be made either. */
async function makeDirectory(path: string): Promise<void> {
  const problem = await mkdir(path).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
  if (problem === undefined || problem === "EEXIST") return;
  if (problem === "ENOENT") await makeDirectory(dirname(path));
  await mkdir(path);
}

async function writeTemplate(file: TemplateFile, name: string, unfinished: string): Promise<string> {
  const path = named(file.path, name);
  const target = join(unfinished, "project", path);
  // The project's own directories get the usual rights, unlike the one they are made in.
  await mkdir(dirname(target), { recursive: true });
  const content =
    file.base64 === undefined ? withName(file.text ?? "", file.path, name) : Buffer.from(file.base64, "base64");
  await writeFile(target, content, { mode: file.isExecutable ? 0o755 : 0o644 });
  return path;
}

function withName(text: string, path: string, name: string): string {
  if (!foreignFile.test(path)) return named(text, name);
  return text.replaceAll(`dkron-executor-${placeholder}`, `dkron-executor-${name}`);
}

function named(text: string, name: string): string {
  return text.replaceAll(placeholder, name);
}
