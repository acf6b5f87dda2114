import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./root.ts";

/** Where the shell executor's native supervisor goes, below `dist`: beside the bundle of the executor. */
export const supervisorPath = "lib/executors/shell-supervisor";

const sources = "executors/shell/supervisor/*.c";
const flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"];
/** A static program forks faster, as there is less of it to copy. Not every system has the libraries for it. */
const linkings = [["-static"], ["-fPIE", "-pie", "-Wl,-z,relro,-z,now"]];
const timeoutMs = 60_000;

export interface CompileOptions {
  /** Default: what CC says, or `cc`. */
  readonly compiler?: string;
  readonly extraFlags?: readonly string[];
}

/**
 * Compile the native supervisor. Where that is impossible there is none, and the shell executor does without.
 *
 * @param dist absolute
 * @returns why there is none; undefined when there is
 */
export async function buildSupervisor(dist: string, options: CompileOptions = {}): Promise<string | undefined> {
  const path = join(dist, supervisorPath);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  await mkdir(dirname(path), { recursive: true });
  try {
    const problem = await compile(temporary, options);
    // What is there may be of other sources.
    await (problem === undefined ? rename(temporary, path) : rm(path, { force: true }));
    return problem;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function compile(output: string, { compiler, extraFlags = [] }: CompileOptions): Promise<string | undefined> {
  if (process.platform !== "linux") return "it is for Linux";
  const command = compiler ?? (process.env["CC"] || "cc");
  const files = globSync(sources, { cwd: root }).toSorted();
  let problem: string | undefined;
  for (const linking of linkings) {
    const args = [...flags, ...extraFlags, ...linking, "-s", "-o", output, ...files];
    problem = await promisify(execFile)(command, args, { cwd: root, timeout: timeoutMs }).then(
      () => undefined,
      (error: NodeJS.ErrnoException & { stderr?: string }) =>
        error.code === "ENOENT" ? `there is no C compiler ${command}` : error.stderr?.trim() || error.message,
    );
    if (problem === undefined) break;
  }
  return problem;
}
