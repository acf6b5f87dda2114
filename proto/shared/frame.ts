/**
 * Events as bytes.
 *
 * Output is the bulk of all traffic. These functions build and take apart its frames without a decoder, so that bytes are copied once on
 * their way from an executor to a scheduler. Field numbers are those of `executor.v1.Event` and `host.v1.Event`, which agree from 10 to 12.
 */

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;

/** Largest `Output.data` an executor may send in one event, in bytes. */
export const maxOutputBytes = 64 * 1024;

/** The kinds of event a host looks at, by their field number in `executor.v1.Event`. */
export const eventField = { started: 10, output: 11, progress: 12, heartbeat: 13, result: 14 } as const;

export type EventKind = keyof typeof eventField;

const kindByField = new Map<number, EventKind>(
  Object.entries(eventField).map(([kind, field]) => [field, kind as EventKind]),
);

/** An executor's event, taken apart just far enough to route it. Slices share memory with the message they came from. */
export interface EventFrame {
  readonly sequence: number;
  /** Undefined for a kind this build does not know. */
  readonly kind: EventKind | undefined;
  /** The encoded event without its sequence. */
  readonly rest: Buffer;
  /** The encoded message of the kind: an `Output`, a `Result` ... */
  readonly payload: Buffer;
}

/**
 * Take apart an encoded `executor.v1.ExecuteResponse` or `AttachResponse`.
 *
 * @throws {RangeError} when the bytes are no such message
 */
export function parseEventFrame(message: Buffer): EventFrame {
  let event: Buffer | undefined;
  for (const field of fields(message)) if (field.number === 1 && field.wire === wireBytes) event = field.value;
  if (event === undefined) throw new RangeError("response carries no event");
  let sequence = 0;
  let kind: EventKind | undefined;
  let payload = event.subarray(0, 0);
  const rest: Buffer[] = [];
  for (const field of fields(event)) {
    if (field.number === 1 && field.wire === wireVarint) {
      sequence = field.varint;
      continue;
    }
    rest.push(field.whole);
    const known = kindByField.get(field.number);
    if (known !== undefined) {
      kind = known;
      payload = field.value;
    }
  }
  // An encoder that writes fields in order leaves the rest in one piece.
  const last = rest.at(-1);
  const first = rest[0];
  const contiguous =
    first !== undefined && last !== undefined && first.byteOffset + length(rest) === last.byteOffset + last.length;
  const joined = contiguous ? Buffer.from(first.buffer, first.byteOffset, length(rest)) : Buffer.concat(rest);
  return { sequence, kind, rest: joined, payload };
}

/** What a host needs to know of an `Output` without copying its data. */
export interface OutputHeader {
  /** As `executor.v1.Channel`: 1 stdout, 2 stderr. */
  readonly channel: number;
  readonly offset: number;
  readonly data: Buffer;
}

/** @throws {RangeError} when the bytes are no `executor.v1.Output` */
export function parseOutput(payload: Buffer): OutputHeader {
  let channel = 0;
  let offset = 0;
  let data = payload.subarray(0, 0);
  for (const field of fields(payload)) {
    if (field.number === 1) channel = field.varint;
    else if (field.number === 2) offset = field.varint;
    else if (field.number === 3) data = field.value;
  }
  return { channel, offset, data };
}

/** Encode an `executor.v1.ExecuteResponse` with one output event. */
export function encodeOutputFrame(
  sequence: number,
  epochMs: number,
  channel: number,
  offset: number,
  data: Uint8Array,
): Buffer {
  const seconds = Math.floor(epochMs / 1000);
  const nanos = Math.round((epochMs - seconds * 1000) * 1e6);
  const time = 2 + varintLength(seconds) + varintLength(nanos);
  const output = 2 + (1 + varintLength(offset)) + (1 + varintLength(data.length)) + data.length;
  const event = 1 + varintLength(sequence) + 2 + time + 1 + varintLength(output) + output;
  const frame = Buffer.allocUnsafe(1 + varintLength(event) + event);
  let at = 0;
  frame[at++] = (1 << 3) | wireBytes;
  at = writeVarint(frame, at, event);
  frame[at++] = (1 << 3) | wireVarint;
  at = writeVarint(frame, at, sequence);
  frame[at++] = (2 << 3) | wireBytes;
  frame[at++] = time;
  frame[at++] = (1 << 3) | wireVarint;
  at = writeVarint(frame, at, seconds);
  frame[at++] = (2 << 3) | wireVarint;
  at = writeVarint(frame, at, nanos);
  frame[at++] = (eventField.output << 3) | wireBytes;
  at = writeVarint(frame, at, output);
  frame[at++] = (1 << 3) | wireVarint;
  frame[at++] = channel;
  frame[at++] = (2 << 3) | wireVarint;
  at = writeVarint(frame, at, offset);
  frame[at++] = (3 << 3) | wireBytes;
  at = writeVarint(frame, at, data.length);
  frame.set(data, at);
  return frame;
}

/** Up to this size, a copy is cheaper than one more piece to write. */
const maxCopiedBytes = 4 * 1024;

/**
 * Encode one record of a host's event log: a `host.v1.ExecuteResponse` with one event, built from an executor's event.
 *
 * Records can be laid end to end: the result is again a valid `ExecuteResponse`, with more events.
 *
 * @returns the record in pieces, as a large `rest` is not copied
 */
export function encodeRecord(sequence: number, attempt: number, rest: Buffer): readonly Buffer[] {
  const headBytes = 1 + varintLength(sequence) + 1 + varintLength(attempt);
  const eventBytes = headBytes + rest.length;
  const isCopied = rest.length <= maxCopiedBytes;
  const head = Buffer.allocUnsafe(1 + varintLength(eventBytes) + (isCopied ? eventBytes : headBytes));
  let at = 0;
  head[at++] = (1 << 3) | wireBytes;
  at = writeVarint(head, at, eventBytes);
  head[at++] = (1 << 3) | wireVarint;
  at = writeVarint(head, at, sequence);
  head[at++] = (3 << 3) | wireVarint;
  at = writeVarint(head, at, attempt);
  if (!isCopied) return [head, rest];
  head.set(rest, at);
  return [head];
}

/** One record of an event log, in place. */
export interface RecordSpan {
  /** Position of the first byte in the buffer. */
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
  readonly sequence: number;
}

/** The complete records at the start of a buffer; what follows the last one is an incomplete record. */
export function* records(buffer: Buffer): Generator<RecordSpan> {
  let start = 0;
  while (start < buffer.length) {
    const size = readVarint(buffer, start + 1);
    if (size === undefined) return;
    const end = size.next + size.value;
    if (end > buffer.length) return;
    yield { start, end, sequence: sequenceOf(buffer.subarray(size.next, end)) };
    start = end;
  }
}

function sequenceOf(event: Buffer): number {
  for (const field of fields(event)) if (field.number === 1) return field.varint;
  return 0;
}

interface Field {
  number: number;
  wire: number;
  varint: number;
  /** Content of a bytes field; empty otherwise. */
  value: Buffer;
  /** Tag and content. */
  whole: Buffer;
}

function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const start = at;
    const tag = requireVarint(message, at);
    at = tag.next;
    const wire = tag.value & 7;
    let varint = 0;
    let from = at;
    if (wire === wireVarint) {
      const value = requireVarint(message, at);
      varint = value.value;
      at = value.next;
      from = at;
    } else if (wire === wireBytes) {
      const size = requireVarint(message, at);
      from = size.next;
      at = from + size.value;
    } else if (wire === wireFixed64) at += 8;
    else if (wire === wireFixed32) at += 4;
    else throw new RangeError(`unknown wire type: ${wire}`);
    if (at > message.length) throw new RangeError("message ends inside a field");
    yield {
      number: Math.floor(tag.value / 8),
      wire,
      varint,
      value: message.subarray(from, at),
      whole: message.subarray(start, at),
    };
  }
}

function requireVarint(buffer: Buffer, at: number): { value: number; next: number } {
  const read = readVarint(buffer, at);
  if (read === undefined) throw new RangeError("message ends inside a number");
  return read;
}

/** Plain arithmetic, as bit operations stop at 32 bits; exact up to 2^53. */
function readVarint(buffer: Buffer, at: number): { value: number; next: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let index = at; index < buffer.length && index < at + 10; index++) {
    const byte = buffer[index]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: index + 1 };
    scale *= 128;
  }
  return undefined;
}

function writeVarint(buffer: Buffer, at: number, value: number): number {
  let rest = value;
  let index = at;
  while (rest >= 0x80) {
    buffer[index++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  buffer[index++] = rest;
  return index;
}

function varintLength(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}

function length(buffers: readonly Buffer[]): number {
  let sum = 0;
  for (const buffer of buffers) sum += buffer.length;
  return sum;
}
