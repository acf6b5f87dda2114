import { FieldError } from "@executor-host/sdk";
import { parseBase64, parseHeaderList } from "@executor-host/sdk/remote";

import type { OutgoingRecord } from "./record.ts";

const known = ["key", "key_base64", "value", "value_base64", "headers", "partition", "timestamp"];
const recordHint = `a record is a JSON object with any of ${known.join(", ")}`;

/**
 * Read records: a JSON array of objects.
 *
 * @throws {FieldError} that names the place, and no content
 */
export function parseRecords(text: string): readonly OutgoingRecord[] {
  const list = parseJson(text, "");
  if (!Array.isArray(list)) throw new FieldError("is not a JSON array", recordHint);
  if (list.length === 0) throw new FieldError("holds no record");
  return list.map((one: unknown, index) => recordOf(one, `record ${index + 1}`));
}

/**
 * Read records: a JSON object on each line; empty lines do not count.
 *
 * @throws {FieldError} that names the line, and no content
 */
export function parseRecordLines(text: string): readonly OutgoingRecord[] {
  const records: OutgoingRecord[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const place = `line ${index + 1}`;
    if (line.trim() !== "") records.push(recordOf(parseJson(line, place), place));
  }
  if (records.length === 0) throw new FieldError("holds no record");
  return records;
}

/**
 * Read a time: milliseconds since 1970, or as in RFC 3339.
 *
 * @throws {FieldError}
 */
export function parseTimestamp(given: string): number {
  const isNumber = /^\d+$/.test(given);
  const isDate = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.test(given);
  const timestampMs = isNumber ? Number(given) : isDate ? Date.parse(given) : Number.NaN;
  if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) {
    throw new FieldError("is not a time", "write milliseconds since 1970, or such as 2026-01-31T06:00:00Z");
  }
  return timestampMs;
}

function recordOf(json: unknown, place: string): OutgoingRecord {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FieldError(`${place} is not a JSON object`, recordHint);
  }
  const given = json as Readonly<Record<string, unknown>>;
  const stray = Object.keys(given).find((name) => !known.includes(name));
  if (stray !== undefined) throw new FieldError(`${place} has an unknown key ${JSON.stringify(stray)}`, recordHint);
  for (const name of ["key", "value"]) {
    if (given[name] !== undefined && given[`${name}_base64`] !== undefined) {
      throw new FieldError(`${place} has both ${name} and ${name}_base64`, "use one of them");
    }
  }
  return {
    key: bytesOf(given, "key", place),
    value: bytesOf(given, "value", place),
    headers:
      given["headers"] === undefined
        ? []
        : at(`${place}: headers`, () => parseHeaderList(JSON.stringify(given["headers"]))),
    partition: partitionOf(given["partition"], place),
    timestampMs:
      given["timestamp"] === undefined
        ? undefined
        : at(`${place}: timestamp`, () => parseTimestamp(String(given["timestamp"]))),
  };
}

/** Text as it is, null as null, anything else as JSON; a missing one is null. */
function bytesOf(given: Readonly<Record<string, unknown>>, name: string, place: string): Buffer | null {
  const encoded = given[`${name}_base64`];
  if (encoded !== undefined) {
    if (typeof encoded !== "string") throw new FieldError(`${place}: ${name}_base64 is no string`);
    return Buffer.from(at(`${place}: ${name}_base64`, () => parseBase64(encoded)));
  }
  const value = given[name] ?? null;
  if (value === null) {
    if (name === "value" && given["value"] === undefined) {
      throw new FieldError(`${place} has no value`, "write null for a tombstone");
    }
    return null;
  }
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function partitionOf(given: unknown, place: string): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "number" || !Number.isInteger(given) || given < 0 || given >= 2 ** 31) {
    throw new FieldError(`${place}: partition is not a whole number of at least 0`);
  }
  return given;
}

function at<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FieldError) throw new FieldError(`${place} ${error.message}`, error.hint);
    throw error;
  }
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FieldError(`${place} is not JSON`.trim(), recordHint);
  }
}
