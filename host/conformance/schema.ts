import type { AnySchema, ValidateFunction } from "ajv";
import { readConfigText } from "@executor-host/proto/shared/config-text";
import type { Config } from "./options.ts";

/** As much of a JSON Schema as the kit looks at. */
export interface Schema {
  readonly $schema?: unknown;
  readonly type?: unknown;
  readonly description?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
  readonly default?: unknown;
  readonly examples?: unknown;
  readonly const?: unknown;
  readonly enum?: unknown;
  readonly pattern?: unknown;
  readonly format?: unknown;
  readonly maxLength?: unknown;
  readonly contentEncoding?: unknown;
  readonly writeOnly?: unknown;
}

/** @throws {SyntaxError} when the text is not JSON @throws {TypeError} when it is no JSON object */
export function parseSchema(text: string): Schema {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError("it is not a JSON object");
  return value;
}

/** @throws what is wrong with the schema, as a JSON Schema of draft 2020-12 */
export async function compileSchema(schema: Schema): Promise<ValidateFunction> {
  const { Ajv2020 } = await import("ajv/dist/2020.js"); // Slow to load.
  // Keywords and formats of the executor's own are allowed.
  return new Ajv2020({ allErrors: true, strict: false, validateFormats: false, logger: false }).compile(
    schema as AnySchema,
  );
}

/** Every property with its path, those of nested objects and arrays included. */
export function* propertiesOf(schema: Schema, path = ""): Generator<readonly [path: string, schema: Schema]> {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const at = path === "" ? key : `${path}.${key}`;
    yield [at, property];
    yield* propertiesOf(property, at);
  }
  if (isSchema(schema.items)) yield* propertiesOf(schema.items, `${path}[]`);
  if (isSchema(schema.additionalProperties)) yield* propertiesOf(schema.additionalProperties, `${path}.*`);
}

/** Values that a property says are right, as a job would write them. */
function knownTexts({ default: fallback, examples, const: only, enum: choices }: Schema): readonly string[] {
  const lists = [examples, choices].filter((list): list is unknown[] => Array.isArray(list));
  const values = [fallback, only, ...lists.flat()].filter((value) => value !== undefined && value !== null);
  return values.map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
}

/** A config of the required keys alone. @returns the key for which the schema knows no value, when there is one */
export function minimalConfig(schema: Schema): Config | { readonly missing: string } {
  const config: Record<string, string> = {};
  for (const key of schema.required ?? []) {
    const text = knownTexts(schema.properties?.[key] ?? {})[0];
    if (text === undefined) return { missing: key };
    config[key] = text;
  }
  return config;
}

/** The first of the values a property says are right that is wrong by the property itself. */
export async function misfit(property: Schema): Promise<string | undefined> {
  const schema = { properties: { value: property } };
  const validate = await compileSchema(schema);
  return knownTexts(property).find((text) => {
    const { value, violations } = readConfigText(schema, { value: text });
    return violations.length > 0 || !validate(value);
  });
}

/** Are keys that the schema does not name wrong? */
export function isClosed({ additionalProperties }: Schema = {}): boolean {
  return additionalProperties === undefined || additionalProperties === false;
}

/** A text that no value of this property can be; undefined when it takes any text. */
export function wrongText({ type, enum: choices }: Schema): string | undefined {
  if (typeof type === "string" && type in wrongTexts) return wrongTexts[type];
  return Array.isArray(choices) ? "no-such-choice-57721" : undefined;
}

const wrongTexts: Readonly<Record<string, string>> = {
  boolean: "perhaps",
  integer: "half a dozen",
  number: "half a dozen",
  array: "[1, 2",
  object: "{ never closed",
};

/** Does this property take any text at all? */
export function takesAnyText({ type, enum: choices, ...rest }: Schema): boolean {
  const constraints = [choices, rest.const, rest.pattern, rest.format, rest.maxLength, rest.contentEncoding];
  return type === "string" && constraints.every((constraint) => constraint === undefined);
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
