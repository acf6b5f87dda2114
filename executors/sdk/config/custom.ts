import { FieldError } from "./field-error.ts";
import { field, type Field, type FieldOptions } from "./field.ts";
import type { JsonSchema, JsonValue } from "./json.ts";
import type { Show } from "./show.ts";

export interface CustomOptions<T> {
  /**
   * What a host may check before the executor sees the text. Its `type` decides how a host reads the text: with `string`, or no type at
   * all, as it is; otherwise as a boolean, a number, or JSON.
   */
  readonly schema: JsonSchema;
  /** Read the text. Called once per execution; must be quick and without side effect. Throws FieldError. */
  readonly parse: (text: string) => T;
}

/** Anything the other kinds do not cover. */
export function custom<T>(options: FieldOptions<T> & CustomOptions<T> & { readonly required: true }): Field<T, true>;
export function custom<T>(
  options: FieldOptions<NoInfer<T>> & CustomOptions<T> & { readonly default: NoInfer<T> },
): Field<T, true>;
export function custom<T>(options: FieldOptions<NoInfer<T>> & CustomOptions<T>): Field<T, false>;
export function custom<T>(options: FieldOptions<T> & CustomOptions<T>): Field<T, never> {
  const read = (text: string, show: Show): T => {
    try {
      return options.parse(text);
    } catch (error) {
      // A foreign error, such as that of a URL parser, quotes the text; so may a careless FieldError.
      if (error instanceof FieldError && !(options.secret && error.message.includes(text))) throw error;
      throw new FieldError(`${show(text)} is not valid`, error instanceof FieldError ? error.hint : "");
    }
  };
  const write = (value: T): JsonValue | undefined =>
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
  return field(
    {
      textSchema: options.schema,
      jsonSchema: options.schema,
      fromText: read,
      fromJson: (value, show) => read(typeof value === "string" ? value : JSON.stringify(value), show),
      toText: write,
      toJson: write,
    },
    options,
  );
}
