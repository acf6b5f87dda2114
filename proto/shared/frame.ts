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
export const eventField = { started: 10, output: 11, progress: 12, heartbeat: 13, result: 14, usage: 15 } as const;

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
 * @throws {RangeError} when the bytes are no such message, or it has no event
 */
export function parseEventFrames(message: Buffer): readonly EventFrame[] {
  const frames: EventFrame[] = [];
  const reader = new FieldReader(message, 0, message.length);
  while (reader.next()) {
    if (reader.number !== 1 || reader.wire !== wireBytes) continue;
    frames.push(parseEvent(new FieldReader(message, reader.valueStart, reader.end), message));
  }
  if (frames.length === 0) throw new RangeError("response carries no event");
  return frames;
}

function parseEvent(reader: FieldReader, message: Buffer): EventFrame {
  let sequence = 0;
  let kind: EventKind | undefined;
  let payload = message.subarray(0, 0);
  let restStart = -1;
  let restEnd = -1;
  // An encoder that writes fields in order leaves the rest in one piece.
  let scattered: Buffer[] | undefined;
  while (reader.next()) {
    if (reader.number === 1 && reader.wire === wireVarint) {
      sequence = reader.varint;
      continue;
    }
    if (restStart === -1) restStart = reader.start;
    else if (reader.start !== restEnd) {
      (scattered ??= []).push(message.subarray(restStart, restEnd));
      restStart = reader.start;
    }
    restEnd = reader.end;
    const known = kindByField.get(reader.number);
    if (known !== undefined) {
      kind = known;
      payload = message.subarray(reader.valueStart, reader.end);
    }
  }
  const last = restStart === -1 ? payload : message.subarray(restStart, restEnd);
  return { sequence, kind, rest: scattered === undefined ? last : Buffer.concat([...scattered, last]), payload };
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
  const reader = new FieldReader(payload, 0, payload.length);
  while (reader.next()) {
    if (reader.number === 1) channel = reader.varint;
    else if (reader.number === 2) offset = reader.varint;
    else if (reader.number === 3) data = payload.subarray(reader.valueStart, reader.end);
  }
  return { channel, offset, data };
}

/** Encode an `executor.v1.ExecuteResponse` with one output event. Several of them laid end to end are one with several events. */
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

/** The encoded `host.v1.Event`s of an encoded `host.v1.ExecuteResponse` or `WatchResponse`; they share its memory. @throws {RangeError} */
export function eventsIn(message: Buffer): Buffer[] {
  const events: Buffer[] = [];
  const reader = new FieldReader(message, 0, message.length);
  while (reader.next()) {
    if (reader.number === 1 && reader.wire === wireBytes) events.push(message.subarray(reader.valueStart, reader.end));
  }
  return events;
}

/** A `host.v1.Event` with output. */
export interface OutputEventFrame extends OutputHeader {
  readonly sequence: number;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
}

/**
 * Take apart an encoded `host.v1.Event` without copying its data.
 *
 * @returns undefined for an event of another kind
 * @throws {RangeError} when the bytes are no such message
 */
export function parseOutputEvent(event: Buffer): OutputEventFrame | undefined {
  let sequence = 0;
  let attempt = 0;
  let timeMs = 0;
  let output: OutputHeader | undefined;
  const reader = new FieldReader(event, 0, event.length);
  while (reader.next()) {
    if (reader.number === 1) sequence = reader.varint;
    else if (reader.number === 2) timeMs = parseTime(event.subarray(reader.valueStart, reader.end));
    else if (reader.number === 3) attempt = reader.varint;
    else if (reader.number === eventField.output) output = parseOutput(event.subarray(reader.valueStart, reader.end));
    else return undefined;
  }
  return output && { sequence, attempt, timeMs, channel: output.channel, offset: output.offset, data: output.data };
}

/** @returns milliseconds since the epoch */
function parseTime(timestamp: Buffer): number {
  let timeMs = 0;
  const reader = new FieldReader(timestamp, 0, timestamp.length);
  while (reader.next()) timeMs += reader.number === 1 ? reader.varint * 1000 : reader.varint / 1e6;
  return timeMs;
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
  const reader = new FieldReader(event, 0, event.length);
  while (reader.next()) if (reader.number === 1) return reader.varint;
  return 0;
}

/** Goes over the fields of one message. A generator would make several objects per field, for every frame of output. */
class FieldReader {
  readonly #buffer: Buffer;
  readonly #limit: number;
  number = 0;
  wire = 0;
  /** Value of a varint field; 0 otherwise. */
  varint = 0;
  /** Where the field begins, with its tag. */
  start = 0;
  /** Where the content of a bytes field begins; any other has none. */
  valueStart = 0;
  /** Where the field ends. */
  end: number;

  constructor(buffer: Buffer, start: number, limit: number) {
    this.#buffer = buffer;
    this.#limit = limit;
    this.end = start;
  }

  /** @returns false after the last field @throws {RangeError} when the message is cut */
  next(): boolean {
    if (this.end >= this.#limit) return false;
    this.start = this.end;
    const tag = this.#readVarint();
    this.number = Math.floor(tag / 8);
    this.wire = tag & 7;
    this.varint = 0;
    if (this.wire === wireVarint) this.varint = this.#readVarint();
    else if (this.wire === wireBytes) {
      const size = this.#readVarint();
      this.valueStart = this.end;
      this.end += size;
    } else if (this.wire === wireFixed64) this.end += 8;
    else if (this.wire === wireFixed32) this.end += 4;
    else throw new RangeError(`unknown wire type: ${this.wire}`);
    if (this.wire !== wireBytes) this.valueStart = this.end;
    if (this.end > this.#limit) throw new RangeError("message ends inside a field");
    return true;
  }

  /** Plain arithmetic, as bit operations stop at 32 bits; exact up to 2^53. */
  #readVarint(): number {
    let value = 0;
    let scale = 1;
    const limit = Math.min(this.#limit, this.end + 10);
    while (this.end < limit) {
      const byte = this.#buffer[this.end++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError("message ends inside a number");
  }
}

/** @returns undefined when the number is not complete */
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
