import { FieldError } from "@executor-host/sdk";

/** One header line. */
export type Header = readonly [name: string, value: string];

/** Header lines in the order they are sent; a name may come more than once. */
export type HeaderList = readonly Header[];

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const forbidden = /[\u0000-\u0008\u000A-\u001F\u007F]/;

/**
 * Read `headers`.
 *
 * Shape: a JSON array of `"Name: value"` strings, as in Dkron, or a JSON object whose values are strings or arrays of strings. Messages
 * never hold a value, as it may be a secret.
 *
 * @throws {FieldError}
 */
export function parseHeaders(text: string): HeaderList {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FieldError("is not JSON", shapeHint);
  }
  if (Array.isArray(json)) return json.map(parseLine);
  if (typeof json !== "object" || json === null)
    throw new FieldError("is neither a JSON array nor a JSON object", shapeHint);
  return Object.entries(json).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value: unknown) => {
      if (typeof value !== "string")
        throw new FieldError(`header ${JSON.stringify(name)} has a value that is no string`, shapeHint);
      return checked(name, value);
    }),
  );
}

const shapeHint = 'write ["Name: value", ...] or {"Name": "value", ...}';

function parseLine(line: unknown, index: number): Header {
  const position = `entry ${index + 1}`;
  if (typeof line !== "string") throw new FieldError(`${position} is no string`, shapeHint);
  const colon = line.indexOf(":");
  if (colon === -1) throw new FieldError(`${position} has no colon`, "write Name: value");
  return checked(line.slice(0, colon).trim(), line.slice(colon + 1), position);
}

function checked(name: string, value: string, position = `header ${JSON.stringify(name)}`): Header {
  if (!token.test(name)) throw new FieldError(`${position} has no valid name`, "letters, digits and !#$%&'*+-.^_`|~");
  const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, "");
  if (forbidden.test(trimmed))
    throw new FieldError(`the value of ${name} holds a control character`, "write it on one line");
  return [name, trimmed];
}

/** Headers that describe the message on the wire; they follow from the request itself. */
const managed = new Set(["content-length", "transfer-encoding", "keep-alive", "upgrade", "expect", "te", "trailer"]);

/** Take out the headers that no job can set. */
export function withoutManaged(headers: HeaderList): {
  readonly headers: HeaderList;
  readonly dropped: readonly string[];
} {
  return {
    headers: headers.filter(([name]) => !managed.has(name.toLowerCase())),
    dropped: headers.filter(([name]) => managed.has(name.toLowerCase())).map(([name]) => name),
  };
}

/** Is there such a header? Names are compared without regard to case. */
export function hasHeader(headers: HeaderList, name: string): boolean {
  return headers.some(([other]) => other.toLowerCase() === name.toLowerCase());
}

/** The headers without all of that name or of those names. */
export function withoutHeaders(headers: HeaderList, ...names: readonly string[]): HeaderList {
  return headers.filter(([other]) => !names.includes(other.toLowerCase()));
}

/** The headers, and each default whose name is not among them. */
export function withDefaults(headers: HeaderList, defaults: HeaderList): HeaderList {
  return [...headers, ...defaults.filter(([name]) => !hasHeader(headers, name))];
}

/** As the wire wants it: names and values in turn. Text beyond ASCII travels as UTF-8, as Go sends it. */
export function toWire(headers: HeaderList): string[] {
  return headers.flatMap(([name, value]) => [name, Buffer.from(value, "utf8").toString("latin1")]);
}
