import type { JsonValue } from "./json.ts";

/** How a message names a value. */
export type Show = (value: JsonValue) => string;

const maxShownLength = 60;

/** The value itself, shortened and with control characters escaped; only the type of an array or object. */
export const quoted: Show = (value) => {
  if (typeof value === "string") {
    return JSON.stringify(value.length > maxShownLength ? `${value.slice(0, maxShownLength)}...` : value);
  }
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
};

/** For secrets. */
export const hidden: Show = () => "the value";
