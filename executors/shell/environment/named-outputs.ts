import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { limits } from "../defaults.ts";

/** Named outputs of a job, and what was wrong with them. */
export interface NamedOutputs {
  readonly outputs: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Read the file a job wrote its named outputs to: `NAME=value` lines, of two equal names the later counts. Never throws.
 *
 * @param userId whose file it must be
 */
export async function readNamedOutputs(path: string, userId: number): Promise<NamedOutputs> {
  const warnings: string[] = [];
  const outputs: Record<string, string> = {};
  const { text, complete } = await readStart(path, userId, limits.outputFileBytes);
  if (!complete)
    warnings.push(`named outputs are cut: only the first ${limits.outputFileBytes} bytes of the file are read`);
  for (const [index, line] of text.split("\n").entries()) {
    const match = /^([A-Za-z_][\w.-]*)=(.*)$/.exec(line);
    const [, name, value] = match ?? [];
    if (name === undefined || value === undefined) {
      if (line !== "") warnings.push(`named outputs: line ${index + 1} is not NAME=value`);
    } else if (Object.hasOwn(outputs, name) || Object.keys(outputs).length < limits.outputNames) outputs[name] = value;
    else {
      warnings.push(`named outputs are cut: only the first ${limits.outputNames} names are kept`);
      break;
    }
  }
  return { outputs, warnings };
}

/** Neither follow a link to somebody else's file, nor wait for the writer of a FIFO. */
const carefully = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A job may have replaced the file by anything; not being readable is the same as being empty. */
async function readStart(path: string, userId: number, maxBytes: number): Promise<{ text: string; complete: boolean }> {
  try {
    await using file = await open(path, carefully);
    const stats = await file.stat();
    if (!stats.isFile() || stats.uid !== userId) return { text: "", complete: true };
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    const end = bytesRead > maxBytes ? buffer.lastIndexOf(0x0a, maxBytes) + 1 : bytesRead;
    return { text: buffer.toString("utf8", 0, end), complete: bytesRead <= maxBytes };
  } catch {
    return { text: "", complete: true };
  }
}
