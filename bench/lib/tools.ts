import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../scripts/lib/root.ts";
import { hasProgram } from "../../scripts/lib/services/debian.ts";
import { findGo } from "../../test/clients/go-client.ts";
import type { Tool } from "../systems/system.ts";

const run = promisify(execFile);

/**
 * The program of a tool: the installed one, or one that Go makes.
 *
 * @param directory for what is made
 * @returns its name or path; undefined where there is neither it nor Go
 */
export async function findTool({ program, go }: Tool, directory: string): Promise<string | undefined> {
  if (await hasProgram(program)) return program;
  const command = go === undefined ? undefined : await findGo();
  if (go === undefined || command === undefined) return undefined;
  const file = join(directory, program);
  if (go.includes("@"))
    await run(command, ["install", go], { cwd: directory, env: { ...process.env, GOBIN: directory } });
  else await run(command, ["build", "-C", join(root, go), "-o", file, "."], { cwd: directory });
  return file;
}
