import type { JsonSchema, JsonValue } from "./json.ts";
import { hidden, quoted, type Show } from "./show.ts";

/**
 * How one kind of value is written and read, as a config string and inside JSON.
 *
 * `fromText` and `fromJson` throw FieldError or NestedErrors, and name values only through `show`.
 */
export interface Shape<T> {
  readonly textSchema: JsonSchema;
  readonly jsonSchema: JsonSchema;
  fromText(text: string, show: Show): T;
  fromJson(value: JsonValue, show: Show): T;
  /** The value as `textSchema` describes it. Undefined: it cannot be written down. */
  toText(value: T): JsonValue | undefined;
  /** The value as `jsonSchema` describes it. */
  toJson(value: T): JsonValue | undefined;
  /** How the text is written, for people, where the schema does not say it; follows the summary. */
  readonly note?: string;
  /** A secret is in it, perhaps deep inside. */
  readonly holdsSecret?: boolean;
  /** An empty string is a value, not "not set". */
  readonly emptyIsValue?: boolean;
}

/** Options that every field takes. */
export interface FieldOptions<T> {
  /** One sentence for people; ends up in the schema and in the docs. */
  readonly summary: string;
  /** The key must be there. */
  readonly required?: true;
  /** The value when the key is not there. */
  readonly default?: T;
  /** The value is never shown, logged or stored. */
  readonly secret?: true;
  /** Values as a job would write them. */
  readonly examples?: readonly string[];
  /** What to use instead. The key keeps working, with a warning. */
  readonly deprecated?: string;
}

/** One key of a config. `Present` says whether a parsed config always has a value for it. */
export interface Field<T, Present extends boolean = boolean> extends Shape<T> {
  readonly options: FieldOptions<T>;
  readonly present: Present;
}

/** The three ways to call a builder of fields of type `T`, with options `X` of its own. */
export interface FieldBuilder<T, X = unknown> {
  (options: FieldOptions<T> & X & { readonly required: true }): Field<T, true>;
  (options: FieldOptions<T> & X & { readonly default: T }): Field<T, true>;
  (options: FieldOptions<T> & X): Field<T, false>;
}

/** @throws {TypeError} for options that contradict each other */
export function field<T>(shape: Shape<T>, options: FieldOptions<T>): Field<T, never> {
  if (options.required && options.default !== undefined) throw new TypeError("a required field takes no default");
  const present = options.required === true || options.default !== undefined;
  return { ...shape, options, present: present as never };
}

/** How violations of this field name a value. */
export function showFor(options: FieldOptions<unknown>, outer: Show = quoted): Show {
  return options.secret ? hidden : outer;
}

/** Schema of one key: that of its shape, with what the options say. */
export function fieldSchema(target: Field<unknown>, as: "text" | "json"): JsonSchema {
  const { options } = target;
  const secret = options.secret === true || target.holdsSecret === true;
  const write = (value: unknown): JsonValue | undefined =>
    as === "text" ? target.toText(value) : target.toJson(value);
  const schema: Record<string, JsonValue> = {
    ...(as === "text" ? target.textSchema : target.jsonSchema),
    description: [
      options.summary,
      as === "text" ? target.note : undefined,
      options.deprecated === undefined ? undefined : `Deprecated: ${options.deprecated}`,
    ]
      .filter((sentence) => sentence !== undefined)
      .join(" "),
  };
  const fallback = options.default === undefined || secret ? undefined : write(options.default);
  if (fallback !== undefined) schema["default"] = fallback;
  if (options.examples !== undefined) {
    schema["examples"] = options.examples.map((text) => exampleOf(text, write(target.fromText(text, quoted))));
  }
  if (options.deprecated !== undefined) schema["deprecated"] = true;
  if (secret) schema["writeOnly"] = true;
  return schema;
}

/** An example as its author wrote it, in JSON where it is JSON: written anew, it would have all defaults, and lack what only a parser knows. */
function exampleOf(text: string, written: JsonValue | undefined): JsonValue {
  if (typeof written !== "object" || written === null) return written ?? text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return written;
  }
}
