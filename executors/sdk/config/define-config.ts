import type { Violation } from "@executor-host/proto/shared/error";
import { collect } from "./field-error.ts";
import { showFor } from "./field.ts";
import type { JsonSchema } from "./json.ts";
import { objectSchema, unknownKey, type Fields, type ValuesOf } from "./nested.ts";

/** A config as jobs write it. */
export type ConfigText = Readonly<Record<string, string>>;

/** Either a typed config, or what is wrong with it; warnings either way. */
export type ParsedConfig<C> =
  | { readonly value: C; readonly violations?: undefined; readonly warnings: readonly string[] }
  | { readonly value?: undefined; readonly violations: readonly Violation[]; readonly warnings: readonly string[] };

/** The keys an executor takes: checks, types, defaults and schema in one. */
export interface ConfigDefinition<C> {
  readonly fields: Fields;
  /** @param options.unknownKeys whether a key that is not defined is an error or a warning; default "error" */
  parse(config: ConfigText, options?: { readonly unknownKeys?: "error" | "warn" }): ParsedConfig<C>;
  /** JSON Schema, draft 2020-12; its shape is told in `executor.v1.DescribeResponse.config_schema`. */
  jsonSchema(): JsonSchema;
}

/** The typed config that a definition yields. */
export type ConfigOf<D> = D extends ConfigDefinition<infer C> ? C : never;

/**
 * Define the config of an executor, one field per key.
 *
 * An empty string counts as "not set" for every kind of field but `text`, as job editors leave such strings behind.
 */
export function defineConfig<const F extends Fields>(fields: F): ConfigDefinition<ValuesOf<F>> {
  const keys = Object.keys(fields);
  const entries = Object.entries(fields);
  const defaults = Object.fromEntries(entries.map(([key, { options }]) => [key, options.default]));
  return {
    fields,
    parse(config, { unknownKeys = "error" } = {}) {
      const violations: Violation[] = [];
      const warnings: string[] = [];
      const values: Record<string, unknown> = { ...defaults };
      for (const [key, field] of entries) {
        const given = Object.hasOwn(config, key) ? config[key] : undefined;
        const { options } = field;
        if (given === undefined || (given === "" && !field.emptyIsValue)) {
          if (options.required) violations.push({ field: key, message: "is required", hint: options.summary });
          continue;
        }
        if (options.deprecated !== undefined) warnings.push(`${key} is deprecated: ${options.deprecated}`);
        values[key] = collect(key, violations, () => field.fromText(given, showFor(options)));
      }
      for (const key of Object.keys(config)) {
        if (Object.hasOwn(fields, key)) continue;
        const violation = unknownKey(key, key, keys);
        if (unknownKeys === "error") violations.push(violation);
        else warnings.push(`${key} ${violation.message} and was ignored: ${violation.hint}`);
      }
      return violations.length > 0 ? { violations, warnings } : { value: values as ValuesOf<F>, warnings };
    },
    jsonSchema: () => ({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      ...objectSchema(fields, "text"),
    }),
  };
}
