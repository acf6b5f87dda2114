import type { Violation } from "@executor-host/proto/shared/error";
import { nearest } from "@executor-host/proto/shared/nearest";
import { collect, FieldError, keyPath, NestedErrors } from "./field-error.ts";
import { field, fieldSchema, showFor, type Field, type FieldOptions, type Shape } from "./field.ts";
import type { JsonObject, JsonSchema, JsonValue } from "./json.ts";
import type { Show } from "./show.ts";

/** Fields by key. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a set of fields reads as. */
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T, infer P> ? (P extends true ? T : T | undefined) : never;
};

/** A JSON object with these keys and no others. */
export function object<const F extends Fields>(fields: F): Shape<ValuesOf<F>> {
  const keys = Object.keys(fields);
  return nested<ValuesOf<F>>({
    jsonSchema: objectSchema(fields, "json"),
    holdsSecret: Object.values(fields).some(holdsSecret),
    fromJson(value, show) {
      if (!isObject(value)) throw new FieldError(`${show(value)} is not a JSON object`);
      const violations: Violation[] = [];
      const values: Record<string, unknown> = {};
      for (const [key, one] of Object.entries(fields)) {
        const given = Object.hasOwn(value, key) ? value[key] : undefined;
        if (given === undefined || given === null) {
          if (one.options.required) violations.push({ field: keyPath(key), message: "is required", hint: "" });
          values[key] = one.options.default;
        } else values[key] = collect(keyPath(key), violations, () => one.fromJson(given, showFor(one.options, show)));
      }
      for (const key of Object.keys(value)) {
        if (!Object.hasOwn(fields, key)) violations.push(unknownKey(keyPath(key), key, keys));
      }
      if (violations.length > 0) throw new NestedErrors(violations);
      return values as ValuesOf<F>;
    },
    toJson: (value) =>
      Object.fromEntries(
        Object.entries(fields).flatMap(([key, one]) => {
          const inner = (value as Record<string, unknown>)[key];
          return inner === undefined ? [] : [[key, one.toJson(inner)]];
        }),
      ),
  });
}

/** A JSON array of values of one shape. */
export function array<T>(element: Shape<T>): Shape<readonly T[]> {
  return nested<readonly T[]>({
    jsonSchema: { type: "array", items: element.jsonSchema },
    holdsSecret: holdsSecret(element),
    fromJson(value, show) {
      if (!Array.isArray(value)) throw new FieldError(`${show(value)} is not a JSON array`);
      return readAll(
        value.map((inner: JsonValue, index) => [`[${index}]`, inner] as const),
        element,
        show,
      );
    },
    toJson: (value) => value.map((inner) => element.toJson(inner) ?? null),
  });
}

/** A JSON object with keys of the job's choosing and values of one shape. */
export function record<T>(value: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return nested<Readonly<Record<string, T>>>({
    jsonSchema: { type: "object", additionalProperties: value.jsonSchema },
    holdsSecret: holdsSecret(value),
    fromJson(given, show) {
      if (!isObject(given)) throw new FieldError(`${show(given)} is not a JSON object`);
      const keys = Object.keys(given);
      const values = readAll(
        keys.map((key) => [keyPath(key), given[key] ?? null] as const),
        value,
        show,
      );
      return Object.fromEntries(keys.map((key, index) => [key, values[index] as T]));
    },
    toJson: (given) => Object.fromEntries(Object.entries(given).map(([key, inner]) => [key, value.toJson(inner)])),
  });
}

/** A nested value, written as JSON text in the config. `shape` is an `object`, `array` or `record`. */
export function json<T>(
  options: FieldOptions<T> & { readonly shape: Shape<T>; readonly required: true },
): Field<T, true>;
export function json<T>(
  options: FieldOptions<NoInfer<T>> & { readonly shape: Shape<T>; readonly default: NoInfer<T> },
): Field<T, true>;
export function json<T>(options: FieldOptions<NoInfer<T>> & { readonly shape: Shape<T> }): Field<T, false>;
export function json<T>(options: FieldOptions<T> & { readonly shape: Shape<T> }): Field<T, never> {
  const { type } = options.shape.jsonSchema;
  if (type !== "object" && type !== "array") throw new TypeError("shape must be an object, array or record");
  return field(options.shape, options);
}

/** JSON Schema of an object with these fields, whose values are config strings or JSON. */
export function objectSchema(fields: Fields, as: "text" | "json"): JsonSchema {
  const required = Object.keys(fields).filter((key) => fields[key]?.options.required);
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(fields).map(([key, one]) => [key, fieldSchema(one, as)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

/** Keys that a hint lists: more would bury the message, and Dkron stores it with every run. */
const mostKeysListed = 12;

export function unknownKey(path: string, key: string, known: readonly string[]): Violation {
  const guess = nearest(key, known);
  const hint = guess === undefined ? `known keys: ${listed(known)}` : `did you mean ${guess}?`;
  return { field: path, message: "is not a known key", hint };
}

function listed(keys: readonly string[]): string {
  const first = keys.slice(0, mostKeysListed).join(", ");
  return keys.length > mostKeysListed ? `${first} and ${keys.length - mostKeysListed} more` : first;
}

/** @throws {FieldError} without the text, as that may hold a secret */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new FieldError(
      `is not JSON${whereJsonEnds(String(error), text.length)}`,
      "check quotes, commas and brackets",
    );
  }
}

/** Where the parser gave up, as far as its message says so. */
function whereJsonEnds(message: string, length: number): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (message.includes("end of JSON") || Number(position) >= length) return ": it ends too early";
  return position === undefined ? "" : `: unexpected character at position ${position}`;
}

/** A shape that is always JSON, also as a config string. */
function nested<T>(shape: Omit<Shape<T>, "textSchema" | "fromText" | "toText">): Shape<T> {
  return {
    ...shape,
    textSchema: shape.jsonSchema,
    fromText: (text, show) => shape.fromJson(parseJson(text), show),
    toText: (value) => shape.toJson(value),
  };
}

function readAll<T>(values: readonly (readonly [string, JsonValue])[], shape: Shape<T>, show: Show): T[] {
  const violations: Violation[] = [];
  const inner = "options" in shape ? showFor((shape as Field<T>).options, show) : show;
  const read = values.map(([path, value]) => collect(path, violations, () => shape.fromJson(value, inner)));
  if (violations.length > 0) throw new NestedErrors(violations);
  return read as T[];
}

function holdsSecret(shape: Shape<unknown>): boolean {
  return shape.holdsSecret === true || ("options" in shape && (shape as Field<unknown>).options.secret === true);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
