import { HostError, type Violation } from "@executor-host/proto/shared/error";
import { isObject } from "./read-input.ts";

/**
 * Read `key=value` words.
 *
 * @param what for people: `config`, `label`
 * @throws {HostError} `SPEC_INVALID` for a word without `=`, or a key that is given twice
 */
export function parsePairs(words: readonly string[], what: string): Record<string, string> {
  const values = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) {
      const hint = `write ${what} as key=value; what follows -- is a command line for the job`;
      throw new HostError("SPEC_INVALID", `not a ${what}: ${word}`, { hint });
    }
    const key = word.slice(0, at);
    if (values.has(key)) throw new HostError("SPEC_INVALID", `${what} ${key} is given twice`);
    values.set(key, word.slice(at + 1));
  }
  return Object.fromEntries(values);
}

/**
 * A config as JSON holds it: an object whose values are texts. Dkron's API refuses other values too.
 *
 * @param what for people: `executor_config`
 * @throws {HostError} `SPEC_INVALID` with a violation for every value that is no text
 */
export function configFromJson(value: unknown, what: string): Record<string, string> {
  if (!isObject(value)) {
    const hint = `write {"command": "echo hello"}`;
    throw new HostError("SPEC_INVALID", `${what} must be a JSON object of strings`, { hint });
  }
  const violations: Violation[] = [];
  const config: [string, string][] = [];
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry === "string") config.push([key, entry]);
    else
      violations.push({
        field: key,
        message: `must be a string: ${JSON.stringify(entry)}`,
        hint: quotingHint(key, entry),
      });
  }
  if (violations.length === 0) return Object.fromEntries(config);
  throw new HostError("SPEC_INVALID", `${what} must hold strings only`, { violations });
}

function quotingHint(key: string, value: unknown): string {
  return `write ${JSON.stringify(key)}: ${JSON.stringify(JSON.stringify(value))}`;
}

/**
 * The words after `--` as config: the first is the `command`, the others its `args`. If the command (or a script) is given already, all
 * are `args`. Nothing is split or expanded again.
 */
export function configFromTrailing(
  trailing: readonly string[] | undefined,
  config: Readonly<Record<string, string>>,
): Record<string, string> {
  if (trailing === undefined) return {};
  if (config["args"] !== undefined) {
    throw new HostError("SPEC_INVALID", "config args is given twice: as key=value and after --");
  }
  const isGiven = config["command"] !== undefined || config["script"] !== undefined;
  const [command, ...args] = trailing;
  if (isGiven) return { args: JSON.stringify(trailing) };
  if (command === undefined) throw new HostError("SPEC_INVALID", "nothing follows --", { hint: "write -- echo hello" });
  return { command, args: JSON.stringify(args) };
}
