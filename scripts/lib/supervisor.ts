import { execFile } from "node:child_process";
import { chmod, glob, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./root.ts";

/** Where the shell executor's native supervisor goes, below `dist`: beside the bundle of the executor. */
export const supervisorPath = "lib/executors/shell-supervisor";

const sources = "executors/shell/supervisor/*.c";
const flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"];
/** A static program forks faster, as there is less of it to copy. Not every system has the libraries for it. */
const linkings = [["-static"], ["-fPIE", "-pie", "-Wl,-z,relro,-z,now"]];
const timeoutMs = 60_000;

/**
 * Compile the supervisor. Without a C compiler there is none, and the shell executor does without.
 *
 * @returns the compiler's name; undefined when there is no compiler
 * @throws what the compiler said
 */
export async function buildSupervisor(dist: string): Promise<string | undefined> {
  const files = await Array.fromAsync(glob(sources, { cwd: root }));
  const path = join(dist, supervisorPath);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  const compiler = process.env["CC"] || "cc";
  try {
    await compile(compiler, files.toSorted(), temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, path);
    return compiler;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    // What is there may be of other sources.
    await rm(path, { force: true });
    return undefined;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @throws that of the last way of linking */
async function compile(compiler: string, files: readonly string[], output: string): Promise<void> {
  for (const [index, linking] of linkings.entries()) {
    const args = [...flags, ...linking, "-s", "-o", output, ...files];
    try {
      await promisify(execFile)(compiler, args, { cwd: root, timeout: timeoutMs });
      return;
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (isMissing || index === linkings.length - 1) throw error;
    }
  }
}
