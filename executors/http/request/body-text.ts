import { FieldError } from "@executor-host/sdk";

/**
 * Read `body_base64`, in either alphabet; white space does not count.
 *
 * @throws {FieldError}
 */
export function parseBase64(given: string): Uint8Array {
  const compact = given.replace(/\s+/g, "");
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact)) throw new FieldError("is not base64");
  return Buffer.from(compact, "base64");
}

/**
 * Read `json`: any JSON text, kept as it is.
 *
 * @throws {FieldError}
 */
export function parseJsonText(given: string): string {
  try {
    JSON.parse(given);
    return given;
  } catch {
    throw new FieldError("is not JSON", "use body for text that is no JSON");
  }
}
