import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../root.ts";
import type { ServiceContext } from "./service.ts";

const run = promisify(execFile);

/** Where Go's own installer puts it, for machines that do not have it in PATH. */
const places = ["go", "/usr/local/go/bin/go"];

/**
 * Install a program by its module's path and version.
 *
 * @param program `github.com/nats-io/nats-server/v2@v2.15.2`
 * @returns the directory it is in
 */
export async function installGoProgram(program: string, context: ServiceContext): Promise<string> {
  const directory = join(context.cacheDir, program.slice(program.indexOf("@") + 1));
  await go(["install", program], context, { GOBIN: directory });
  return directory;
}

/**
 * Build a program of this checkout; Go itself knows what is up to date.
 *
 * @param folder of its module, relative to the checkout
 * @returns the program's path
 */
export async function buildGoProgram(folder: string, context: ServiceContext): Promise<string> {
  const program = join(context.cacheDir, "server");
  await go(["build", "-C", join(root, folder), "-o", program, "."], context);
  return program;
}

async function go(
  args: readonly string[],
  { cacheDir, signal }: ServiceContext,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const command = await findGo();
  try {
    await run(command, args, { cwd: cacheDir, signal, env: { ...process.env, ...env } });
  } catch (error) {
    throw new Error(`go ${args[0]} failed: ${(error as { stderr?: string }).stderr?.trim() ?? ""}`, { cause: error });
  }
}

async function findGo(): Promise<string> {
  for (const place of places) {
    try {
      await run(place, ["version"]);
      return place;
    } catch {
      // Not here: perhaps in the next place.
    }
  }
  throw new Error("go is missing: install Go 1.26 or later");
}
