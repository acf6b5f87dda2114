import { isDeepStrictEqual } from "node:util";

import { FieldError, type JsonValue } from "@executor-host/sdk";

import { fail } from "../failure.ts";

/** Read `expect_message`: a JSON object. @throws {FieldError} */
export function parseExpectation(text: string): JsonValue {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FieldError("is not JSON", expectationHint);
  }
  if (!isObject(json)) throw new FieldError("is not a JSON object", expectationHint);
  return json as JsonValue;
}

const expectationHint = 'write what the response must contain, such as {"state":"DONE"}';

/**
 * Does a message contain all that is expected? Objects may hold more; everything else must be equal.
 *
 * @param actual the last response; undefined if there was none
 * @throws {RemoteFailure} `MESSAGE_MISMATCH`
 */
export function assertContains(actual: unknown, expected: JsonValue): void {
  if (actual === undefined) throw fail("MESSAGE_MISMATCH", "there was no response to look at");
  const place = mismatch(actual, expected, "");
  if (place !== undefined) throw fail("MESSAGE_MISMATCH", `the last response is not as expected at ${place}`);
}

/** @returns the first place that differs */
function mismatch(actual: unknown, expected: unknown, place: string): string | undefined {
  if (!isObject(expected)) return isDeepStrictEqual(actual, expected) ? undefined : place;
  if (!isObject(actual)) return place === "" ? "its top" : place;
  for (const [key, value] of Object.entries(expected)) {
    const inner = place === "" ? key : `${place}.${key}`;
    const found = mismatch(Object.hasOwn(actual, key) ? actual[key] : undefined, value, inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
