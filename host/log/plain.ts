import { isHostError } from "@executor-host/proto/shared/error";

/** What a log line says beside its message. Names in camelCase with units: `executionId`, `durationMs`. */
export type Fields = Readonly<Record<string, unknown>>;

/** A value JSON can say. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

const maxDepth = 6;

/** Fields as JSON can say them, without those that are undefined. */
export function plainFields(fields: Fields): Record<string, Plain> {
  return plainObject(fields, 0);
}

function plainObject(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, Plain> {
  const out: Record<string, Plain> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) out[key] = plain(value, depth + 1);
  return out;
}

/** Depth is bounded, so that a cycle ends too. */
function plain(value: unknown, depth: number): Plain {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "object":
      return value === null ? null : plainReference(value, depth);
    default:
      return String(value);
  }
}

function plainReference(value: object, depth: number): Plain {
  if (value instanceof Error) return plainError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (depth > maxDepth) return Array.isArray(value) ? "[...]" : "{...}";
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (value instanceof Map) return plainObject(Object.fromEntries(value) as Record<string, unknown>, depth);
  if (value instanceof Set) return [...value].map((item) => plain(item, depth + 1));
  return plainObject(value as Record<string, unknown>, depth);
}

function plainError(error: Error, depth: number): Plain {
  const cause = error.cause === undefined || depth > maxDepth ? undefined : plain(error.cause, depth + 1);
  if (isHostError(error)) {
    const { code, message, hint, violations } = error;
    return plainObject(
      { code, message, hint: hint || undefined, violations: violations.length > 0 ? violations : undefined, cause },
      depth,
    );
  }
  const code = "code" in error ? error.code : undefined;
  return plainObject({ name: error.name, code, message: error.message, stack: error.stack, cause }, depth);
}
