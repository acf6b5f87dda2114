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

/** Judges configs by the schema that their executor publishes, and knows which of their values are secret. */
export interface ConfigCheck {
  /** Everything wrong with a config. */
  violations(config: Config): readonly Violation[];
  /** The config as it may be stored and shown. */
  masked(config: Config): Config;
}

/** For executors without a schema. */
const anything: ConfigCheck = { violations: () => [], masked: (config) => config };

/** The checks of all executors, each made once. */
export class ConfigChecks {
  /** By executor; one that has another schema than before gets another check. */
  readonly #made = new Map<string, { readonly schema: string; readonly check: Promise<ConfigCheck> }>();

  /** @throws {HostError} `EXECUTOR_UNUSABLE` */
  async of({ name, configSchema }: ExecutorDescription): Promise<ConfigCheck> {
    if (configSchema === "") return anything;
    let made = this.#made.get(name);
    if (made?.schema !== configSchema) {
      const check = compile(configSchema).then((compiled) => new SchemaCheck(name, compiled));
      made = { schema: configSchema, check };
      this.#made.set(name, made);
    }
    try {
      return await made.check;
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

class SchemaCheck implements ConfigCheck {
  readonly #executor: string;
  readonly #compiled: Compiled;
  /** Keys that are secret, or have something secret inside. */
  readonly #secrets: ReadonlyMap<string, JsonSchema>;

  constructor(executor: string, compiled: Compiled) {
    this.#executor = executor;
    this.#compiled = compiled;
    this.#secrets = new Map(Object.entries(compiled.schema.properties ?? {}).filter(([, schema]) => hasSecret(schema)));
  }

  violations(config: Config): readonly Violation[] {
    const { schema, validate } = this.#compiled;
    const { value, violations } = readConfigText(schema, config);
    if (validate(value)) return violations;
    const unreadable = new Set(violations.map(({ field }) => field));
    const keys = Object.keys(schema.properties ?? {});
    const others = (validate.errors ?? []).map((error) => toViolation(error, this.#executor, keys));
    return [...violations, ...others.filter(({ field }) => !unreadable.has(field))];
  }

  masked(config: Config): Config {
    const masked = { ...config };
    for (const [key, schema] of this.#secrets) {
      const text = config[key];
      if (text !== undefined) masked[key] = maskText(schema, text);
    }
    return masked;
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

/** @param schema of something that is secret, or has something secret inside */
function maskText(schema: JsonSchema, text: string): string {
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
