/**
 * How a config of strings becomes JSON, by the executor's JSON Schema; the rules are those of `executor.v1.DescribeResponse.config_schema`.
 */
import type { Violation } from "./error.ts";

/** A JSON Schema as far as this file looks into it. */
interface KeySchema {
  readonly type?: string | readonly string[];
  readonly writeOnly?: boolean;
}

export interface ConfigJson {
  /** The JSON object to validate against the schema, without the keys that could not be read. */
  readonly value: Readonly<Record<string, unknown>>;
  /** What could not be read. */
  readonly violations: readonly Violation[];
}

/** A reader of one JSON type: undefined means that the text is no such thing. */
interface Reader {
  readonly read: (text: string) => unknown;
  readonly noun: string;
  readonly hint: string;
}

const booleans = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

const jsonText: Reader = { read: parseJson, noun: "JSON", hint: "check quotes, commas and brackets" };

const readers: Readonly<Record<string, Reader>> = {
  boolean: { read: (text) => booleans.get(text), noun: "true or false", hint: "write true or false" },
  integer: { read: (text) => parseNumber(text, /^[+-]?\d+$/), noun: "a whole number", hint: "write decimal digits" },
  number: {
    read: (text) => parseNumber(text, /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i),
    noun: "a number",
    hint: "write decimal digits",
  },
  array: jsonText,
  object: jsonText,
};

/**
 * Read a config by its schema. Whether the values are allowed is left to a validator.
 *
 * A key the schema does not know stays text. An empty text counts as absent, unless the key takes text: job editors leave such behind.
 *
 * @param schema a JSON Schema of type `object`, parsed
 */
export function readConfigText(schema: unknown, config: Readonly<Record<string, string>>): ConfigJson {
  const properties = (schema as { readonly properties?: Readonly<Record<string, KeySchema>> } | null)?.properties ?? {};
  const violations: Violation[] = [];
  const value: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(config)) {
    const keySchema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const reader = readerFor(keySchema);
    if (reader === undefined) {
      value[key] = text;
      continue;
    }
    if (text === "") continue;
    const read = reader.read(text);
    if (read !== undefined) value[key] = read;
    else violations.push(violation(key, text, reader, keySchema?.writeOnly === true));
  }
  return { value, violations };
}

/** @returns undefined for keys that take the text as it is */
function readerFor(schema: KeySchema | undefined): Reader | undefined {
  const types = typeof schema?.type === "string" ? [schema.type] : (schema?.type ?? ["string"]);
  if (types.includes("string")) return undefined;
  const known = types.flatMap((type) => readers[type] ?? []);
  // Of several types, JSON covers all of them.
  return known.length > 1 ? jsonText : known[0];
}

/** JSON is never quoted: it may hold secrets that only the schema inside knows of. */
function violation(field: string, text: string, reader: Reader, isSecret: boolean): Violation {
  const shown = reader === jsonText || isSecret ? "the value" : JSON.stringify(text.slice(0, maxShownLength));
  return { field, message: `${shown} is not ${reader.noun}`, hint: reader.hint };
}

const maxShownLength = 60;

function parseNumber(text: string, pattern: RegExp): number | undefined {
  if (!pattern.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's message quotes the text.
    return undefined;
  }
}
