import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../scripts/lib/root.ts";
import { hasProgram } from "../../scripts/lib/services/debian.ts";
import { findGo } from "../../test/clients/go-client.ts";
import type { Tool } from "../systems/system.ts";

const run = promisify(execFile);
const makeTimeoutMs = 300_000;

/**
 * The program of a tool: the installed one, or one that Go makes.
 *
 * @param directory for what is made
 * @returns its name or path; undefined where it is not installed, and Go is not here or cannot make it
 */
export async function findTool({ program, go }: Tool, directory: string): Promise<string | undefined> {
  if (await hasProgram(program)) return program;
  const command = go === undefined ? undefined : await findGo();
  if (go === undefined || command === undefined) return undefined;
  const file = join(directory, program);
  const args = go.includes("@") ? ["install", go] : ["build", "-C", join(root, go), "-o", file, "."];
  const options = { cwd: directory, env: { ...process.env, GOBIN: directory }, timeout: makeTimeoutMs };
  return run(command, args, options).then(
    () => file,
    () => undefined,
  );
}
