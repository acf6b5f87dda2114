import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { copyProtos, root, run, runs, type Command } from "./client.ts";

const source = join(root, "test/clients/python");
const requirements = join(source, "requirements.txt");

/** Python with the means to make virtual environments, if it is here. */
export async function findPython(): Promise<string | undefined> {
  return (await runs("python3", "-c", "import venv, ensurepip")) ? "python3" : undefined;
}

/**
 * Make the Python client, from the .proto files on.
 *
 * @param directory an empty directory for what is generated; Python's packages are kept from run to run
 */
export async function makePythonClient(python: string, directory: string): Promise<Command> {
  const interpreter = await environment(python);
  await copyProtos(join(directory, "proto"));
  const files = ["host/v1/host.proto", "executor/v1/executor.proto"];
  const out = ["--python_out=.", "--grpc_python_out=."];
  await run([interpreter, "-m", "grpc_tools.protoc", "-Iproto", ...out, ...files], directory);
  // The script's own directory comes first in Python's search path.
  await writeFile(join(directory, "client.py"), readFileSync(join(source, "client.py")));
  return [interpreter, join(directory, "client.py")];
}

/** A virtual environment with the required packages. @returns its interpreter */
async function environment(python: string): Promise<string> {
  const version = await run([python, "--version"], root);
  const digest = createHash("sha256").update(version).update(readFileSync(requirements)).digest("hex").slice(0, 12);
  const kept = join(root, "node_modules/.cache/executor-host-tests", `python-${digest}`);
  if (!existsSync(kept)) {
    await mkdir(dirname(kept), { recursive: true });
    const fresh = await mkdtemp(`${kept}.`);
    await run([python, "-m", "venv", fresh], root);
    const pip = [join(fresh, "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"] as const;
    await run([...pip, "-r", requirements], root);
    // Somebody else may have been as far in the meantime.
    await rename(fresh, kept).catch(() => rm(fresh, { recursive: true }));
  }
  return join(kept, "bin/python");
}
