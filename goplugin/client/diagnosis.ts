import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { messageOf } from "@executor-host/proto/shared/error";
import { limits } from "../protocol/defaults.ts";
import { detectFormat, type ExecutableFormat } from "./executable-format.ts";
import { resolveCommand } from "./resolve-command.ts";

type Environment = Readonly<Record<string, string>>;

/**
 * Say what about a file may keep it from being a plugin: missing, not executable, for another machine, without its interpreter.
 *
 * @param env the environment it was started with
 * @returns sentences without a full stop; none when nothing is suspicious
 */
export async function diagnose(file: string, env: Environment): Promise<readonly string[]> {
  try {
    const info = await stat(file);
    if (!info.isFile()) return [`${file} is not a file`];
    const findings: string[] = [];
    if (!(await isAccessible(file, constants.X_OK))) {
      const mode = (info.mode & 0o7777).toString(8).padStart(4, "0");
      const owner = `owner ${info.uid}:${info.gid}, this host runs as ${process.geteuid?.()}:${process.getegid?.()}`;
      findings.push(`${file} may not be executed: mode ${mode}, ${owner}, or the file system forbids it`);
    }
    return [...findings, ...(await diagnoseFormat(detectFormat(await readHead(file)), env))];
  } catch (error) {
    return [`cannot look at ${file}: ${messageOf(error)}`];
  }
}

/** As `diagnose`, for what is known of a file already. */
export async function diagnoseFormat(format: ExecutableFormat, env: Environment): Promise<readonly string[]> {
  switch (format.kind) {
    case "elf":
      return diagnoseElf(format.architecture, format.loader);
    case "mach-o":
      return process.platform === "darwin" ? [] : [foreign("Mach-O (macOS)", format.architecture)];
    case "pe":
      return process.platform === "win32" ? [] : [foreign("PE (Windows)", format.architecture)];
    case "script":
      return diagnoseScript(format.interpreter, format.argument, env);
    case "empty":
      return ["the file is empty"];
    case "unknown":
      return ["the file is neither a program of a known format nor a script that starts with `#!`"];
  }
}

async function diagnoseElf(architecture: string, loader: string | undefined): Promise<readonly string[]> {
  if (process.platform !== "linux") return [foreign("ELF (Linux, BSD)", architecture)];
  if (architecture !== process.arch) return [foreign("ELF", architecture)];
  if (loader === undefined || (await isAccessible(loader, constants.F_OK))) return [];
  return [`the program needs the loader ${loader}, which is not here: it was built for another C library`];
}

async function diagnoseScript(interpreter: string, argument: string, env: Environment): Promise<readonly string[]> {
  if (interpreter.endsWith("\r") || argument.endsWith("\r")) {
    return ["the script's first line ends with CR LF, and the CR counts as part of the interpreter's name"];
  }
  if (!(await isAccessible(interpreter, constants.X_OK))) {
    return [`the script's interpreter ${interpreter} is not here or may not be executed`];
  }
  const [program = ""] = argument.replace(/^-S\s+/, "").split(/\s/, 1);
  const isLookUp = /(^|\/)env$/.test(interpreter) && /^[^-=][^=]*$/.test(program);
  if (!isLookUp || resolveCommand(program, { cwd: "/", env }) !== undefined) return [];
  return [`the script runs by ${program}, which is not in the plugin's PATH: ${env["PATH"] ?? "not set"}`];
}

function foreign(format: string, architecture: string): string {
  return `the file is ${/^[AEIOU]/.test(format) ? "an" : "a"} ${format} program for ${architecture}; this machine is ${process.platform} ${process.arch}`;
}

async function isAccessible(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** The first bytes of a file, where its format shows. */
export async function readHead(path: string): Promise<Buffer> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(limits.fileHeadBytes), 0, limits.fileHeadBytes, 0);
  return buffer.subarray(0, bytesRead);
}
