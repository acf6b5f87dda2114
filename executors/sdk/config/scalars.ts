import { nearest } from "@executor-host/proto/shared/nearest";
import { FieldError } from "./field-error.ts";
import { field, type Field, type FieldBuilder, type FieldOptions, type Shape } from "./field.ts";
import type { JsonSchema, JsonValue } from "./json.ts";
import type { Show } from "./show.ts";

export interface TextOptions {
  /** The whole text is tested, without anchors of its own added. */
  readonly pattern?: RegExp;
  /** In UTF-16 units. Default: 1 for a required field, 0 otherwise. */
  readonly minLength?: number;
}

/** Text as it is. An empty string is a value like any other. */
export const text: FieldBuilder<string, TextOptions> = (options: FieldOptions<string> & TextOptions) => {
  const { pattern } = options;
  const minLength = options.minLength ?? (options.required ? 1 : 0);
  const read = (value: string, show: Show): string => {
    if (value.length < minLength) {
      if (value === "") throw new FieldError("must not be empty");
      throw new FieldError(`${show(value)} is too short`, `write at least ${minLength} characters`);
    }
    if (pattern !== undefined && value.search(pattern) < 0) {
      throw new FieldError(`${show(value)} does not match ${pattern.source}`, exampleHint(options));
    }
    return value;
  };
  const schema: JsonSchema = {
    type: "string",
    ...(minLength > 0 && { minLength }),
    ...(pattern !== undefined && { pattern: pattern.source }),
  };
  return field(
    { ...scalar(schema, read), fromJson: (value, show) => read(jsonText(value, show), show), emptyIsValue: true },
    options,
  );
};

const booleans: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...["1", "t", "T", "TRUE", "true", "True"].map((spelling) => [spelling, true]),
  ...["0", "f", "F", "FALSE", "false", "False"].map((spelling) => [spelling, false]),
]);

/** True or false, in the spellings of Go's strconv.ParseBool. */
export const flag: FieldBuilder<boolean> = (options: FieldOptions<boolean>) => {
  const wrong = (value: JsonValue, show: Show): never => {
    throw new FieldError(`${show(value)} is not true or false`, "write true or false");
  };
  return field(
    {
      ...scalar<boolean>({ type: "boolean" }, (value, show) =>
        Object.hasOwn(booleans, value) ? booleans[value] === true : wrong(value, show),
      ),
      fromJson: (value, show) => (typeof value === "boolean" ? value : wrong(value, show)),
    },
    options,
  );
};

export interface RangeOptions {
  /** Smallest value allowed. */
  readonly minimum?: number;
  /** Largest value allowed. */
  readonly maximum?: number;
}

/** A whole number. */
export const integer: FieldBuilder<number, RangeOptions> = (options: FieldOptions<number> & RangeOptions) =>
  numeric("integer", "a whole number", /^[+-]?\d+$/, Number.isSafeInteger, options);

/** A number, perhaps with a fraction. */
export const decimal: FieldBuilder<number, RangeOptions> = (options: FieldOptions<number> & RangeOptions) =>
  numeric("number", "a number", /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, Number.isFinite, options);

function numeric(
  type: "integer" | "number",
  noun: string,
  pattern: RegExp,
  accepts: (value: number) => boolean,
  options: FieldOptions<number> & RangeOptions,
): Field<number, never> {
  const { minimum, maximum } = options;
  const check = (value: number, name: string): number => {
    if (!accepts(value)) throw new FieldError(`${name} is not ${noun}`, rangeHint(noun, options));
    if (minimum !== undefined && value < minimum) {
      throw new FieldError(`${name} is less than ${minimum}`, rangeHint(noun, options));
    }
    if (maximum !== undefined && value > maximum) {
      throw new FieldError(`${name} is more than ${maximum}`, rangeHint(noun, options));
    }
    return value;
  };
  const schema: JsonSchema = {
    type,
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
  };
  return field(
    {
      ...scalar(schema, (value, show) => check(pattern.test(value) ? Number(value) : Number.NaN, shown(value, show))),
      fromJson: (value, show) => check(typeof value === "number" ? value : Number.NaN, show(value)),
    },
    options,
  );
}

/** A number is named without quotes, anything else with them. */
function shown(value: string, show: Show): string {
  return /^[+-]?\d{1,20}(\.\d{1,20})?$/.test(value) ? show(Number(value)) : show(value);
}

function rangeHint(noun: string, { minimum, maximum }: RangeOptions): string {
  if (minimum !== undefined && maximum !== undefined) return `write ${noun} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `write ${noun} of at least ${minimum}`;
  if (maximum !== undefined) return `write ${noun} of at most ${maximum}`;
  return `write ${noun}`;
}

/** One of a closed set of words. */
export function choice<const V extends string>(
  options: FieldOptions<NoInfer<V>> & { readonly values: readonly V[]; readonly required: true },
): Field<V, true>;
export function choice<const V extends string>(
  options: FieldOptions<NoInfer<V>> & { readonly values: readonly V[]; readonly default: NoInfer<V> },
): Field<V, true>;
export function choice<const V extends string>(
  options: FieldOptions<NoInfer<V>> & { readonly values: readonly V[] },
): Field<V, false>;
export function choice<V extends string>(
  options: FieldOptions<V> & { readonly values: readonly V[] },
): Field<V, never> {
  const { values } = options;
  const read = (value: string, show: Show): V => {
    const found = values.find((known) => known === value);
    if (found !== undefined) return found;
    const guess = options.secret ? undefined : nearest(value, values);
    throw new FieldError(
      `${show(value)} is not one of ${values.join(", ")}`,
      guess === undefined ? "" : `did you mean ${guess}?`,
    );
  };
  const shape = scalar<V>({ type: "string", enum: values }, read);
  return field({ ...shape, fromJson: (value, show) => read(jsonText(value, show), show) }, options);
}

/** A shape whose values are written the same way as text and inside JSON; `fromJson` is still to be given. */
function scalar<T extends string | number | boolean>(
  schema: JsonSchema,
  fromText: (text: string, show: Show) => T,
): Omit<Shape<T>, "fromJson"> {
  return { textSchema: schema, jsonSchema: schema, fromText, toText: (value) => value, toJson: (value) => value };
}

/** @throws {FieldError} when the JSON value is no string */
export function jsonText(value: JsonValue, show: Show): string {
  if (typeof value === "string") return value;
  throw new FieldError(`${show(value)} is not a string`, "put it in double quotes");
}

function exampleHint(options: FieldOptions<unknown>): string {
  const example = options.examples?.[0];
  return example === undefined ? "" : `write something like ${example}`;
}
