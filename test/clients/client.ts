import { execFile } from "node:child_process";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export const root = join(import.meta.dirname, "../..");

/** What it takes to run a client: a command, before the client's own arguments. */
export type Command = readonly [program: string, ...args: string[]];

/** All that a client gets from this project. */
const protoFiles = ["host/v1/host.proto", "executor/v1/executor.proto"];

/** Copy the .proto files of a client to a directory of their own. */
export async function copyProtos(directory: string): Promise<void> {
  for (const file of protoFiles) {
    await mkdir(join(directory, dirname(file)), { recursive: true });
    await cp(join(root, "proto", file), join(directory, file));
  }
}

/** Run a program to its end. @returns its stdout */
export async function run([program, ...args]: Command, cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

/** Does the program run here? */
export async function runs(...command: Command): Promise<boolean> {
  return run(command, root).then(
    () => true,
    () => false,
  );
}
