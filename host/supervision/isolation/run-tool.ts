import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { timeouts } from "../../timeouts.ts";

/** Where programs of the system are, whatever PATH this host has. */
export const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin";

/** The hint is there when the program itself was the problem, and not what it was asked for. */
export type ToolRun =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly problem: string; readonly hint?: string };

/** Run a program of the system that ends soon. Never rejects. */
export function runTool([command = "", ...args]: readonly string[]): Promise<ToolRun> {
  return new Promise((resolve) => {
    const options = { env: { PATH: systemPath, LC_ALL: "C" }, timeout: timeouts.quickCallMs };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ ok: true, stdout });
      if (error.code === "ENOENT")
        return resolve({ ok: false, problem: `${command} is not installed`, hint: "install util-linux" });
      if (error.killed === true) {
        const problem = `${command} did not end within ${options.timeout} ms`;
        return resolve({ ok: false, problem, hint: "the machine may have too much to do: try again" });
      }
      const said = stderr.trim().split("\n").at(-1) ?? "";
      resolve({ ok: false, problem: said || error.message });
    });
  });
}

/** The path of a program of the system; undefined when it is not there. */
export async function findTool(name: string): Promise<string | undefined> {
  for (const directory of systemPath.split(":")) {
    const path = join(directory, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}
