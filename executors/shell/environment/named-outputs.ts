import { limits } from "../defaults.ts";
import { readJobWrittenFile } from "./job-written-file.ts";

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
  const { text, complete } = await readJobWrittenFile(path, userId, limits.outputFileBytes);
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
