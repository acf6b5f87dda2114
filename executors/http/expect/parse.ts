import { FieldError, type JsonObject, type JsonValue } from "@executor-host/sdk";

import { parseJsonPath, type JsonPath } from "./json-path.ts";
import { parsePattern, type Pattern } from "./pattern.ts";

/** A header that must match. */
export interface HeaderExpectation {
  readonly name: string;
  readonly pattern: Pattern;
}

/** A place in a JSON body that must have a value. */
export interface JsonExpectation {
  readonly path: JsonPath;
  /** The path as written. */
  readonly text: string;
  readonly value: JsonValue;
}

/**
 * Read `expectHeader`.
 *
 * @throws {FieldError}
 */
export function parseHeaderExpectations(text: string): readonly HeaderExpectation[] {
  return Object.entries(parseObject(text, '{"Name": "pattern"}')).map(([name, pattern]) => {
    if (typeof pattern !== "string") throw new FieldError(`the pattern for ${name} is no string`);
    return { name: name.toLowerCase(), pattern: parsePattern(pattern) };
  });
}

/**
 * Read `expectJson`.
 *
 * @throws {FieldError}
 */
export function parseJsonExpectations(text: string): readonly JsonExpectation[] {
  return Object.entries(parseObject(text, '{"path": value}')).map(([path, value = null]) => {
    const parsed = parseJsonPath(path);
    if (parsed === undefined) throw new FieldError(`no path: ${path}`, "such as items[0].state");
    return { path: parsed, text: path, value };
  });
}

/** @throws {FieldError} */
export function parseObject(text: string, shape: string): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FieldError("is not JSON", `write ${shape}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new FieldError("is not a JSON object", `write ${shape}`);
  return json as JsonObject;
}
