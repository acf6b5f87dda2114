import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether a program can be found on the PATH or by its path. */
export async function hasProgram(program: string): Promise<boolean> {
  try {
    await run("sh", ["-c", 'command -v "$1"', "sh", program]);
    return true;
  } catch {
    return false;
  }
}

/**
 * Install a Debian package unless its program is there. Services in it are not started.
 *
 * @throws {Error} what to install by hand, where this user may not, or there is no apt
 */
export async function installPackage(
  name: string,
  program: string,
  options: { readonly signal: AbortSignal; log(line: string): void },
): Promise<void> {
  if (await hasProgram(program)) return;
  const byHand = `${program} is missing: install the package ${name}`;
  if (process.getuid?.() !== 0 || !(await hasProgram("apt-get"))) throw new Error(byHand);
  options.log(`installing ${name}`);
  // A package's own service must not come up beside the one that is started here: neither init system starts one then.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1", SYSTEMD_OFFLINE: "1" };
  const apt = (...args: string[]) =>
    run("apt-get", ["-o", "DPkg::Lock::Timeout=120", ...args], { env, signal: options.signal, maxBuffer: 64 << 20 });
  try {
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", name);
  } catch (error) {
    throw new Error(`${byHand}; apt-get could not: ${lastLine(error)}`, { cause: error });
  }
}

function lastLine(error: unknown): string {
  const { stderr = "", message } = error as Error & { stderr?: string };
  return stderr.trim().split("\n").at(-1) || message;
}
