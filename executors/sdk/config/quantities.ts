import { formatByteSize, parseByteSize } from "./byte-size.ts";
import { FieldError } from "./field-error.ts";
import { field, type FieldBuilder, type FieldOptions } from "./field.ts";
import { formatGoDuration, parseGoDuration } from "./go-duration.ts";
import type { JsonValue } from "./json.ts";
import { jsonText } from "./scalars.ts";
import type { Show } from "./show.ts";

export interface DurationOptions {
  /** Shortest span allowed, in milliseconds; default 0. */
  readonly minimumMs?: number;
  /** Unit of a number without one; by default such a number is refused, except 0. */
  readonly bareUnit?: "ms" | "s" | "m" | "h";
}

/** A span of time in Go's spelling (`1h30m`, `300ms`, `1.5h`), as a number of milliseconds. */
export const duration: FieldBuilder<number, DurationOptions> = (options: FieldOptions<number> & DurationOptions) => {
  const { minimumMs = 0, bareUnit } = options;
  const hint = "write a number and a unit, such as 30s or 1h30m";
  const read = (text: string, show: Show): number => {
    const bare = bareUnit !== undefined && /^[+-]?\d+(\.\d+)?$/.test(text);
    const ms = parseGoDuration(bare ? text + bareUnit : text);
    if (ms === undefined) throw new FieldError(`${show(text)} is not a duration`, hint);
    if (ms < minimumMs) {
      throw new FieldError(
        `${show(text)} is shorter than ${formatGoDuration(minimumMs)}`,
        `write at least ${formatGoDuration(minimumMs)}`,
      );
    }
    return ms;
  };
  const schema = { type: "string", format: "go-duration" };
  return field(
    {
      textSchema: schema,
      jsonSchema: bareUnit === undefined ? schema : { ...schema, type: ["string", "number"] },
      fromText: read,
      fromJson: (value, show) => read(numberOrText(value, show, bareUnit !== undefined), show),
      toText: formatGoDuration,
      toJson: formatGoDuration,
    },
    options,
  );
};

/** A number of bytes: `1048576`, `512KB`, `1.5GB`; units are powers of 1024. */
export const byteSize: FieldBuilder<number, { readonly minimum?: number }> = (
  options: FieldOptions<number> & { readonly minimum?: number },
) => {
  const { minimum = 1 } = options;
  const read = (text: string, show: Show): number => {
    const bytes = parseByteSize(text);
    if (bytes === undefined) {
      throw new FieldError(
        `${show(text)} is not a size`,
        "write a number of bytes, or a number and a unit without a space, such as 512MB",
      );
    }
    if (bytes < minimum) {
      throw new FieldError(
        `${show(text)} is less than ${formatByteSize(minimum)}`,
        `write at least ${formatByteSize(minimum)}`,
      );
    }
    return bytes;
  };
  const schema = { type: "string", format: "byte-size" };
  return field(
    {
      textSchema: schema,
      jsonSchema: { ...schema, type: ["string", "integer"] },
      fromText: read,
      fromJson: (value, show) => read(numberOrText(value, show, true), show),
      toText: formatByteSize,
      toJson: formatByteSize,
    },
    options,
  );
};

function numberOrText(value: JsonValue, show: Show, numbers: boolean): string {
  return numbers && typeof value === "number" ? String(value) : jsonText(value, show);
}
