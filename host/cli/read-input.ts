import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { CliContext } from "./context.ts";

/**
 * Read a file of JSON, or standard input for `-`.
 *
 * @param what for people: `the job definition`
 * @throws {HostError} `SPEC_INVALID`
 */
export async function readJson(path: string, what: string, { stdin }: Pick<CliContext, "stdin">): Promise<unknown> {
  const where = path === "-" ? "standard input" : path;
  let text: string;
  try {
    text = (path === "-" ? await buffer(stdin) : await readFile(path)).toString("utf8");
  } catch (error) {
    throw new HostError("SPEC_INVALID", `cannot read ${what}: ${messageOf(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HostError("SPEC_INVALID", `${what} in ${where} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
