import { readdir } from "node:fs/promises";
import { detectFormat } from "./executable-format.ts";
import { diagnoseFormat, readHead } from "./diagnosis.ts";

/** Formats that need help to be executed, if they can be at all. */
const foreignKinds: ReadonlySet<string> = new Set(["elf", "mach-o", "pe", "unknown"]);

/**
 * Say why the kernel will not execute a file: empty, for another machine, of no known format.
 *
 * To be asked before a start, as the C library's `execvp` would hand such a file to `/bin/sh`, which takes it for a script.
 *
 * @returns undefined when nothing is known against it, or when a helper for foreign formats is registered (binfmt_misc of Linux)
 */
export async function refusedFormat(file: string): Promise<string | undefined> {
  const format = detectFormat(await readHead(file));
  if (format.kind === "script") return undefined;
  if (format.kind === "elf" && format.architecture === process.arch) return undefined;
  if (foreignKinds.has(format.kind) && (await hasHelpers())) return undefined;
  const [finding] = await diagnoseFormat(format, {});
  return finding;
}

async function hasHelpers(): Promise<boolean> {
  const entries = await readdir("/proc/sys/fs/binfmt_misc").catch(() => []);
  return entries.some((name) => name !== "register" && name !== "status");
}
