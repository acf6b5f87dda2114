import { FieldError } from "@executor-host/sdk";
import { parseBase64 } from "@executor-host/sdk/remote";

import { limits } from "../defaults.ts";

/** One message, ready to be sent. */
export interface Message {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
}

/** Read attributes: a JSON object of strings. @throws {FieldError} */
export function parseAttributes(given: string): Readonly<Record<string, string>> {
  let json: unknown;
  try {
    json = JSON.parse(given);
  } catch {
    throw new FieldError("is not JSON", attributesHint);
  }
  return readAttributes(json, "");
}

const attributesHint = 'write {"name":"value"}';

/** @param prefix of messages: `message 3: attributes ` */
function readAttributes(json: unknown, prefix: string): Readonly<Record<string, string>> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FieldError(`${prefix}is not a JSON object`, attributesHint);
  }
  const entries = Object.entries(json);
  if (entries.length > limits.attributes)
    throw new FieldError(`${prefix}holds more than ${limits.attributes} attributes`);
  for (const [name, value] of entries) {
    const shown = `${prefix}attribute ${JSON.stringify(name)}`;
    if (typeof value !== "string") throw new FieldError(`${shown} is no string`, attributesHint);
    if (name === "" || Buffer.byteLength(name) > limits.attributeKeyBytes) {
      throw new FieldError(
        `${shown} has a name of ${Buffer.byteLength(name)} bytes`,
        `1 to ${limits.attributeKeyBytes}`,
      );
    }
    if (name.toLowerCase().startsWith("goog") && !name.startsWith("googclient_")) {
      throw new FieldError(`${shown} is reserved by Google`, "choose a name that does not begin with goog");
    }
    if (Buffer.byteLength(value) > limits.attributeValueBytes) {
      throw new FieldError(
        `${shown} has a value of ${Buffer.byteLength(value)} bytes`,
        `${limits.attributeValueBytes} at most`,
      );
    }
  }
  return Object.fromEntries(entries);
}

/** @throws {FieldError} */
export function parseOrderingKey(given: string): string {
  if (Buffer.byteLength(given) > limits.orderingKeyBytes)
    throw new FieldError(`has more than ${limits.orderingKeyBytes} bytes`);
  return given;
}

/**
 * Read a batch: JSON objects, one a line, or a JSON array of them. Each has `data` (base64), `data_text` or `data_json`, and may have
 * `attributes` and `ordering_key`.
 *
 * @throws {FieldError} that names the message
 */
export function parseMessages(given: string): readonly Message[] {
  const values = given.trimStart().startsWith("[") ? parseArray(given) : parseLines(given);
  if (values.length === 0) throw new FieldError("holds no message", messagesHint);
  return values.map((value, index) => readMessage(value, `message ${index + 1}: `));
}

const messagesHint = 'write {"data_text":"..."} a line';

function parseArray(given: string): readonly unknown[] {
  try {
    return JSON.parse(given) as unknown[];
  } catch {
    throw new FieldError("is not JSON", messagesHint);
  }
}

function parseLines(given: string): readonly unknown[] {
  return given.split("\n").flatMap((line, index): unknown[] => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line)];
    } catch {
      throw new FieldError(`line ${index + 1} is not JSON`, messagesHint);
    }
  });
}

const keys = ["data", "data_text", "data_json", "attributes", "ordering_key"];

function readMessage(value: unknown, prefix: string): Message {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FieldError(`${prefix}is not a JSON object`, messagesHint);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new FieldError(`${prefix}${unknown} is not a known key`, `known keys: ${keys.join(", ")}`);
  const { data, data_text: text, data_json: json, attributes, ordering_key: orderingKey } = fields;
  if ([data, text, json].filter((one) => one !== undefined).length > 1) {
    throw new FieldError(`${prefix}has more than one of data, data_text and data_json`);
  }
  for (const [key, one] of Object.entries({ data, data_text: text, ordering_key: orderingKey })) {
    if (one !== undefined && typeof one !== "string") throw new FieldError(`${prefix}${key} is no string`);
  }
  const message: Message = {
    data: contentOf(data as string | undefined, text as string | undefined, json, prefix),
    attributes: attributes === undefined ? {} : readAttributes(attributes, `${prefix}attributes `),
    orderingKey: parseOrderingKey((orderingKey as string | undefined) ?? ""),
  };
  if (isEmpty(message)) throw new FieldError(`${prefix}has neither data nor attributes`);
  return message;
}

function contentOf(base64: string | undefined, text: string | undefined, json: unknown, prefix: string): Uint8Array {
  if (json !== undefined) return Buffer.from(JSON.stringify(json));
  if (base64 === undefined) return Buffer.from(text ?? "");
  try {
    return parseBase64(base64);
  } catch {
    throw new FieldError(`${prefix}data is not base64`);
  }
}

/** Pub/Sub takes no message without data and attributes. */
export function isEmpty({ data, attributes }: Message): boolean {
  return data.length === 0 && Object.keys(attributes).length === 0;
}

/** Bytes that a message takes in a request, at most. */
export function bytesOf({ data, attributes, orderingKey }: Message): number {
  const attributeBytes = Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 16,
    0,
  );
  return data.length + attributeBytes + Buffer.byteLength(orderingKey) + limits.messageOverheadBytes;
}
