import type { ErrorObject, ValidateFunction } from "ajv";
import { HostError, messageOf, type Violation } from "@executor-host/proto/shared/error";
import { readConfigText } from "@executor-host/proto/shared/config-text";
import type { ExecutorDescription } from "../model/model.ts";
import { nearest } from "@executor-host/proto/shared/nearest";

/** What stands in place of a secret. */
const mask = "***";

/** As much of JSON Schema as this file looks at. */
interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
  /** The value is a secret. */
  readonly writeOnly?: boolean;
}

interface Compiled {
  readonly schema: JsonSchema;
  readonly validate: ValidateFunction;
}

type Config = Readonly<Record<string, string>>;

/** Judges configs by the schema their executor publishes, and knows which of their values are secret. */
export class ConfigChecker {
  readonly #compiled = new Map<string, Promise<Compiled>>();

  /** Everything wrong with a config; empty for executors without a schema. */
  async check(description: ExecutorDescription, config: Config): Promise<readonly Violation[]> {
    if (description.configSchema === "") return [];
    const { schema, validate } = await this.#compile(description);
    const { value, violations } = readConfigText(schema, config);
    const errors = validate(value) ? [] : (validate.errors ?? []);
    const unreadable = new Set(violations.map(({ field }) => field));
    const others = errors.map((error) => toViolation(error, description.name, Object.keys(schema.properties ?? {})));
    return [...violations, ...others.filter(({ field }) => !unreadable.has(field))];
  }

  /** The config as it may be stored and shown. */
  async mask(description: ExecutorDescription, config: Config): Promise<Config> {
    if (description.configSchema === "") return config;
    const { schema } = await this.#compile(description);
    return Object.fromEntries(
      Object.entries(config).map(([key, text]) => [key, maskText(schema.properties?.[key], text)]),
    );
  }

  async #compile({ name, configSchema }: ExecutorDescription): Promise<Compiled> {
    let compiled = this.#compiled.get(configSchema);
    if (compiled === undefined) {
      compiled = compile(configSchema);
      this.#compiled.set(configSchema, compiled);
    }
    try {
      return await compiled;
    } catch (error) {
      throw new HostError(
        "EXECUTOR_UNUSABLE",
        `the config schema of executor "${name}" is not valid: ${messageOf(error)}`,
        {
          hint: "this is a defect of the executor",
          cause: error,
        },
      );
    }
  }
}

async function compile(schemaText: string): Promise<Compiled> {
  // Slow to load, and not needed before the first execution.
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  const schema = JSON.parse(schemaText) as JsonSchema;
  // Formats are for people and for the executor, which judges them itself.
  // The schema itself is not judged: that takes long, and what can be made of a bad one is made of it.
  const ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    validateFormats: false,
    verbose: true,
    meta: false,
    validateSchema: false,
  });
  return { schema, validate: ajv.compile(schema) };
}

function maskText(schema: JsonSchema | undefined, text: string): string {
  if (schema === undefined || !hasSecret(schema)) return text;
  if (schema.writeOnly === true) return mask;
  try {
    return JSON.stringify(maskValue(schema, JSON.parse(text)));
  } catch {
    return mask; // not the JSON it should be: what is secret in it cannot be told
  }
}

function maskValue(schema: JsonSchema, value: unknown): unknown {
  if (schema.writeOnly === true) return mask;
  if (Array.isArray(value))
    return schema.items === undefined ? value : value.map((item) => maskValue(schema.items!, item));
  if (typeof value !== "object" || value === null) return value;
  const other = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const itemSchema = schema.properties?.[key] ?? other;
      return [key, itemSchema === undefined ? item : maskValue(itemSchema, item)];
    }),
  );
}

function hasSecret(schema: JsonSchema): boolean {
  const inner = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return schema.writeOnly === true || inner.some((each) => typeof each === "object" && hasSecret(each));
}

/** Beyond this many, a list of all keys is no help. */
const mostKeysListed = 12;

function toViolation(error: ErrorObject, executor: string, keys: readonly string[]): Violation {
  const params = error.params as Record<string, unknown>;
  const at = fieldOf(error.instancePath);
  const nested = (key: unknown) => (at === "" ? String(key) : `${at}.${String(key)}`);
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(params["additionalProperty"]);
      return { field: nested(key), message: "unknown key", hint: at === "" ? keyHint(key, executor, keys) : "" };
    }
    case "required":
      return {
        field: nested(params["missingProperty"]),
        message: "is required",
        hint: descriptionOf(error, params["missingProperty"]),
      };
    case "enum":
      return {
        field: at,
        message: `not one of the choices${valueOf(error)}`,
        hint: `choices: ${(params["allowedValues"] as unknown[]).join(", ")}`,
      };
    default:
      return {
        field: at,
        message: `${error.message ?? error.keyword}${valueOf(error)}`,
        hint: (error.parentSchema as JsonSchema | undefined)?.description ?? "",
      };
  }
}

function keyHint(key: string, executor: string, keys: readonly string[]): string {
  const suggestion = nearest(key, keys);
  if (suggestion !== undefined) return `did you mean "${suggestion}"?`;
  return keys.length <= mostKeysListed
    ? `known keys: ${keys.join(", ")}`
    : `no key is like it; \`executor-host describe ${executor}\` shows all ${keys.length}`;
}

/** `: "value"`, unless it is a secret. */
function valueOf(error: ErrorObject): string {
  const schema = error.parentSchema as JsonSchema | undefined;
  return schema === undefined || hasSecret(schema) ? "" : `: ${JSON.stringify(error.data)}`;
}

function descriptionOf(error: ErrorObject, key: unknown): string {
  const schema = error.parentSchema as JsonSchema | undefined;
  return schema?.properties?.[String(key)]?.description ?? "";
}

/** `/retry/maxAttempts` and `/headers/2` as people write them. */
function fieldOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === "" ? part : `${path}.${part}`), "");
}
