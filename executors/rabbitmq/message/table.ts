import { FieldError } from "@executor-host/sdk";
import { parseBase64 } from "@executor-host/sdk/remote";

/** A value in headers or arguments, as the client library writes it. */
export type TableValue = string | number | boolean | null | Buffer | Typed | readonly TableValue[] | Table;

/** Values by name. */
export interface Table {
  readonly [name: string]: TableValue;
}

/** A value whose type AMQP is told. */
interface Typed {
  readonly "!": string;
  readonly value: number | bigint;
}

const hint = 'a value of a type of its own is written {"!":"long","value":5}';

/** The integer types, and their ranges. Source: AMQP 0-9-1, section 4.2.1, as RabbitMQ reads it. */
const integers: Readonly<Record<string, readonly [lowest: bigint, highest: bigint]>> = {
  byte: [-(2n ** 7n), 2n ** 7n - 1n],
  unsignedbyte: [0n, 2n ** 8n - 1n],
  short: [-(2n ** 15n), 2n ** 15n - 1n],
  unsignedshort: [0n, 2n ** 16n - 1n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  unsignedint: [0n, 2n ** 32n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
  timestamp: [0n, 2n ** 63n - 1n],
};

/**
 * Read a table: a JSON object of text, numbers, booleans, null, arrays, objects, and typed values: `{"!":TYPE,"value":...}` with the
 * types byte, unsignedbyte, short, unsignedshort, int, unsignedint, long, timestamp (seconds), float, double, bytes (base64).
 *
 * @throws {FieldError} that names the place, and no value
 */
export function parseTable(text: string): Table {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FieldError("is not JSON", "write a JSON object");
  }
  return readTable(json, "");
}

/** @param place for messages; empty at the top */
export function readTable(json: unknown, place: string): Table {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new FieldError(`${place} is not a JSON object`.trim(), hint);
  }
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => {
      if (Buffer.byteLength(name) > 255) throw new FieldError(`${place} has a name of more than 255 bytes`.trim());
      return [name, readValue(value, place === "" ? name : `${place}.${name}`)];
    }),
  );
}

function readValue(json: unknown, place: string): TableValue {
  if (json === null || typeof json === "string" || typeof json === "boolean") return json;
  if (typeof json === "number") return readNumber(json, place);
  if (Array.isArray(json)) return json.map((one: unknown, index) => readValue(one, `${place}[${index}]`));
  const object = json as Readonly<Record<string, unknown>>;
  return Object.hasOwn(object, "!") ? readTyped(object, place) : readTable(json, place);
}

/** Whole numbers become AMQP's long, others a double. */
function readNumber(json: number, place: string): TableValue {
  if (!Number.isInteger(json)) return { "!": "double", value: json };
  if (!Number.isSafeInteger(json)) throw new FieldError(`${place} is too large a number for JSON`, hint);
  return { "!": "long", value: json };
}

function readTyped(object: Readonly<Record<string, unknown>>, place: string): TableValue {
  const { "!": type, value, ...others } = object;
  if (typeof type !== "string" || value === undefined || Object.keys(others).length > 0) {
    throw new FieldError(`${place} is not a typed value`, hint);
  }
  if (type === "bytes") {
    if (typeof value !== "string") throw new FieldError(`${place} is not base64`);
    try {
      return Buffer.from(parseBase64(value));
    } catch {
      throw new FieldError(`${place} is not base64`);
    }
  }
  if (type === "float" || type === "double") {
    if (typeof value !== "number") throw new FieldError(`${place} is not a number`);
    return { "!": type, value };
  }
  const range = Object.hasOwn(integers, type) ? integers[type] : undefined;
  if (range === undefined) {
    throw new FieldError(
      `${place} has an unknown type`,
      `known: ${[...Object.keys(integers), "float", "double", "bytes"].join(", ")}`,
    );
  }
  const written = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof written !== "string" || !/^-?\d+$/.test(written)) {
    throw new FieldError(`${place} is not a whole number`, "write one beyond 2^53 as text");
  }
  const number = BigInt(written);
  if (number < range[0] || number > range[1]) throw new FieldError(`${place} is out of the range of ${type}`);
  return { "!": type, value: Number.isSafeInteger(Number(number)) ? Number(number) : number };
}
