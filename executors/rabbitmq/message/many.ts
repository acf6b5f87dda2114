import { FieldError } from "@executor-host/sdk";
import { parseBase64 } from "@executor-host/sdk/remote";

import { readTable, type Table } from "./table.ts";

/** One message of several; what is undefined is as the job says for all. */
export interface Entry {
  readonly content: Buffer;
  readonly routingKey: string | undefined;
  readonly headers: Table;
  readonly messageId: string | undefined;
}

const known = ["body", "base64Body", "routing_key", "headers", "messageId"];
const entryHint = `a message is a JSON object with any of ${known.join(", ")}`;

/**
 * Read messages: a JSON array of objects.
 *
 * @throws {FieldError} that names the place, and no content
 */
export function parseMessages(text: string): readonly Entry[] {
  const list = parseJson(text, "");
  if (!Array.isArray(list)) throw new FieldError("is not a JSON array", entryHint);
  if (list.length === 0) throw new FieldError("holds no message");
  return list.map((one: unknown, index) => entryOf(one, `message ${index + 1}`));
}

/**
 * Read messages: a JSON object on each line; empty lines do not count.
 *
 * @throws {FieldError} that names the line, and no content
 */
export function parseMessageLines(text: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const place = `line ${index + 1}`;
    if (line.trim() !== "") entries.push(entryOf(parseJson(line, place), place));
  }
  if (entries.length === 0) throw new FieldError("holds no message");
  return entries;
}

function entryOf(json: unknown, place: string): Entry {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FieldError(`${place} is not a JSON object`, entryHint);
  }
  const given = json as Readonly<Record<string, unknown>>;
  const stray = Object.keys(given).find((key) => !known.includes(key));
  if (stray !== undefined) throw new FieldError(`${place} has an unknown key ${JSON.stringify(stray)}`, entryHint);
  return {
    content: contentOf(given, place),
    routingKey: shortText(given["routing_key"], `${place}: routing_key`),
    headers: given["headers"] === undefined ? {} : readTable(given["headers"], `${place}: headers`),
    messageId: shortText(given["messageId"], `${place}: messageId`),
  };
}

function contentOf({ body, base64Body }: Readonly<Record<string, unknown>>, place: string): Buffer {
  if ((body === undefined) === (base64Body === undefined)) {
    throw new FieldError(`${place} needs either body or base64Body`, "");
  }
  if (base64Body === undefined) return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  if (typeof base64Body !== "string") throw new FieldError(`${place}: base64Body is no string`);
  try {
    return Buffer.from(parseBase64(base64Body));
  } catch {
    throw new FieldError(`${place}: base64Body is not base64`);
  }
}

function shortText(given: unknown, place: string): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "string") throw new FieldError(`${place} is no string`);
  if (Buffer.byteLength(given) > 255) throw new FieldError(`${place} is longer than 255 bytes`);
  return given;
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FieldError(`${place} is not JSON`.trim(), entryHint);
  }
}
