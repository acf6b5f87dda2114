import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { limits } from "../defaults.ts";
import { StartFailure } from "../failure.ts";
import type { Owner } from "./accounts.ts";

/**
 * Read a file of variables, one `NAME=value` per line. The value is everything after the first `=`, as it is: no quotes, no escapes, no
 * expansion. Empty lines and lines that start with `#` do not count; `export ` before a name does no harm.
 *
 * @throws {StartFailure} `ENV_FILE_UNREADABLE`; never with a line's content, which may be secret
 */
export async function readEnvFile(path: string, owner: Owner | undefined): Promise<Record<string, string>> {
  const text = await read(path, owner);
  const variables: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const match = /^\s*(?:export\s+)?([^\s=\0]+)=([^\0]*)$/.exec(line);
    if (match === null) {
      throw new StartFailure(
        "ENV_FILE_UNREADABLE",
        `cannot read env_file ${path}: line ${index + 1} is not NAME=value`,
      );
    }
    const [, name = "", value = ""] = match;
    variables[name] = value;
  }
  return variables;
}

/** Read by a process of the job's user: what that user may not read is not to reach the job through us. */
async function read(path: string, owner: Owner | undefined): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("cat", ["--", path], {
      timeout: limits.helperMs,
      maxBuffer: limits.envFileBytes,
      ...(owner !== undefined && { uid: owner.userId, gid: owner.groupId }),
    });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const reason =
      code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER"
        ? `it has more than ${limits.envFileBytes} bytes`
        : stderr?.trim() || (error as Error).message;
    throw new StartFailure("ENV_FILE_UNREADABLE", `cannot read env_file ${path}: ${reason}`, { cause: error });
  }
}
