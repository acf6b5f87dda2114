import type { Violation } from "@executor-host/proto/shared/error";
import { custom } from "../config/custom.ts";
import { FieldError } from "../config/field-error.ts";
import type { Field } from "../config/field.ts";

const string = { type: "string" } as const;

/** Text that makes no sense when empty: an empty string means "not set". */
export function word(
  summary: string,
  more: { readonly secret?: true; readonly examples?: readonly string[] } = {},
): Field<string, false> {
  return custom<string>({ summary, schema: string, parse: (given) => given, ...more });
}

/** Dkron's `debug`: any text but a spelling of false switches it on. */
export const debugField = custom({
  summary: "Write what is done, without secrets, to stderr. Any text but a spelling of false switches it on.",
  default: false,
  schema: string,
  parse: (given) => !/^(0|f|false)$/i.test(given.trim()),
});

/** One header line. */
export type Header = readonly [name: string, value: string];

const headerHint = 'write {"Name": "value", ...} or ["Name: value", ...]';

/**
 * Read headers: a JSON object whose values are strings or lists of strings, or a JSON array of `"Name: value"` strings.
 *
 * @throws {FieldError} that names no value, as it may be a secret
 */
export function parseHeaderList(text: string): readonly Header[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FieldError("is not JSON", headerHint);
  }
  if (Array.isArray(json)) return json.map(parseLine);
  if (typeof json !== "object" || json === null)
    throw new FieldError("is neither a JSON array nor a JSON object", headerHint);
  return Object.entries(json).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value: unknown): Header => {
      if (typeof value !== "string") {
        throw new FieldError(`header ${JSON.stringify(name)} has a value that is no string`, headerHint);
      }
      return [headerName(name, `header ${JSON.stringify(name)}`), value];
    }),
  );
}

function parseLine(line: unknown, index: number): Header {
  const position = `entry ${index + 1}`;
  if (typeof line !== "string") throw new FieldError(`${position} is no string`, headerHint);
  const colon = line.indexOf(":");
  if (colon === -1) throw new FieldError(`${position} has no colon`, "write Name: value");
  return [headerName(line.slice(0, colon).trim(), position), line.slice(colon + 1).trim()];
}

function headerName(name: string, position: string): string {
  if (name === "") throw new FieldError(`${position} has no name`, "write Name: value");
  return name;
}

/**
 * Read bytes in base64, in either alphabet; white space does not count.
 *
 * @throws {FieldError}
 */
export function parseBase64(given: string): Uint8Array {
  const compact = given.replace(/\s+/g, "");
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact) || compact.replace(/=+$/, "").length % 4 === 1) {
    throw new FieldError("is not base64");
  }
  return Buffer.from(compact, "base64");
}

/**
 * Read any JSON text, kept as it is.
 *
 * @throws {FieldError}
 */
export function parseJsonText(given: string): string {
  try {
    JSON.parse(given);
    return given;
  } catch {
    throw new FieldError("is not JSON");
  }
}

/** Violations of every key but the first that is set, when one at most makes sense. */
export function oneAtMost<C extends object>(config: C, keys: readonly (keyof C & string)[]): Violation[] {
  const [first, ...others] = keys.filter((key) => config[key] !== undefined);
  return others.map((key) => ({ field: key, message: `cannot be combined with ${first}`, hint: "use one of them" }));
}
