import { isObject } from "./read-input.ts";
import { quoted } from "./text.ts";

/** One key of an executor's config, for people. */
export interface ConfigKey {
  readonly name: string;
  /** `text`, `true or false`, `duration`, `one of a, b` ... */
  readonly type: string;
  readonly isRequired: boolean;
  /** Values to choose from; empty when it is not a choice. */
  readonly choices: readonly string[];
  /** As one would write it; undefined when there is none. */
  readonly default: string | undefined;
  readonly summary: string;
  /** Words of a command line: `command='echo hello'`. */
  readonly examples: readonly string[];
  readonly isSecret: boolean;
  readonly isDeprecated: boolean;
}

/** Read an executor's JSON Schema. What is not understood is left out: the schema comes from another program. */
export function configKeys(schemaText: string): readonly ConfigKey[] {
  const schema = parse(schemaText);
  const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly unknown[]) : [];
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  return Object.entries(properties).map(([name, property]) => {
    const given = isObject(property) ? property : {};
    const choices = choicesOf(given);
    const examples = Array.isArray(given["examples"]) ? (given["examples"] as readonly unknown[]) : [];
    return {
      name,
      type: typeOf(given, choices),
      isRequired: required.includes(name),
      choices,
      default: given["default"] === undefined ? undefined : asText(given["default"]),
      summary: typeof given["description"] === "string" ? given["description"] : "",
      examples: examples.map((example) => `${name}=${quoted(asText(example))}`),
      isSecret: given["writeOnly"] === true,
      isDeprecated: given["deprecated"] === true,
    };
  });
}

function parse(schemaText: string): Readonly<Record<string, unknown>> {
  try {
    const schema: unknown = JSON.parse(schemaText);
    return isObject(schema) ? schema : {};
  } catch {
    return {}; // An executor of Dkron's contract has none.
  }
}

function choicesOf({ enum: values, type }: Readonly<Record<string, unknown>>): readonly string[] {
  if (Array.isArray(values)) return values.map(asText);
  return type === "boolean" ? ["true", "false"] : [];
}

const typeWords: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  integer: "whole number",
  number: "number",
  array: "JSON array",
  object: "JSON object",
  "go-duration": "duration",
  "text-list": "list",
  "text-map": "map",
};

function typeOf(property: Readonly<Record<string, unknown>>, choices: readonly string[]): string {
  const { type, format, contentEncoding } = property;
  if (type !== "boolean" && choices.length > 0) return `one of ${choices.join(", ")}`;
  const names = [format, contentEncoding, ...(Array.isArray(type) ? (type as readonly unknown[]) : [type])];
  const name = names.find((word) => typeof word === "string") ?? "string";
  const text = typeWords[name] ?? name.replaceAll("-", " ");
  const { minimum, maximum } = property;
  if (typeof minimum === "number" && typeof maximum === "number") return `${text} from ${minimum} to ${maximum}`;
  return typeof minimum === "number" ? `${text}, at least ${minimum}` : text;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
