import { HostError } from "@executor-host/proto/shared/error";

/** What a frame is. For a window update `length` is credit, for a ping any value, for go-away a {@link GoAwayReason}. */
export const frameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export const flag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;

export const goAwayReason = { normal: 0, protocolError: 1, internalError: 2 } as const;
export type GoAwayReason = (typeof goAwayReason)[keyof typeof goAwayReason];

export interface FrameHeader {
  readonly type: FrameType;
  /** Any of {@link flag}, added up. */
  readonly flags: number;
  /** 0 means the session. */
  readonly streamId: number;
  /** For data the bytes that follow. */
  readonly length: number;
}

export const headerBytes = 12;
const version = 0;

/** The twelve bytes of a header: version, type, flags, stream, length; big endian. Source: hashicorp/yamux, spec.md. */
export function encodeHeader({ type, flags, streamId, length }: FrameHeader): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt8(version, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

export interface FrameHandler {
  onHeader(header: FrameHeader): void;
  /** A piece of a data frame's payload; never empty. */
  onPayload(header: FrameHeader, piece: Buffer): void;
  /** The frame and its payload are complete. */
  onEnd(header: FrameHeader): void;
}

/** Cuts a byte stream into frames, however it comes in pieces. Payload is passed on as it comes and never collected. */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #partial = Buffer.alloc(headerBytes);
  #partialBytes = 0;
  #current: FrameHeader | undefined;
  #missingBytes = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** @throws {HostError} `PROTOCOL_VIOLATION`; nothing may be written after that */
  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;)
      at += this.#current === undefined ? this.#readHeader(bytes, at) : this.#readPayload(this.#current, bytes, at);
  }

  #readHeader(bytes: Buffer, at: number): number {
    const taken = bytes.copy(this.#partial, this.#partialBytes, at, at + headerBytes - this.#partialBytes);
    this.#partialBytes += taken;
    if (this.#partialBytes < headerBytes) return taken;
    this.#partialBytes = 0;
    const header = decodeHeader(this.#partial);
    this.#handler.onHeader(header);
    this.#missingBytes = header.type === frameType.data ? header.length : 0;
    if (this.#missingBytes > 0) this.#current = header;
    else this.#handler.onEnd(header);
    return taken;
  }

  #readPayload(header: FrameHeader, bytes: Buffer, at: number): number {
    const piece = bytes.subarray(at, at + this.#missingBytes);
    this.#missingBytes -= piece.length;
    this.#handler.onPayload(header, piece);
    if (this.#missingBytes === 0) {
      this.#current = undefined;
      this.#handler.onEnd(header);
    }
    return piece.length;
  }
}

function decodeHeader(bytes: Buffer): FrameHeader {
  const found = bytes.readUInt8(0);
  if (found !== version) throw violation(`frame of version ${found}, not ${version}`);
  const type = bytes.readUInt8(1);
  if (!isFrameType(type)) throw violation(`frame of unknown type ${type}`);
  return { type, flags: bytes.readUInt16BE(2), streamId: bytes.readUInt32BE(4), length: bytes.readUInt32BE(8) };
}

function isFrameType(type: number): type is FrameType {
  return Object.values<number>(frameType).includes(type);
}

/** The error for a peer that does not keep to the protocol. */
export function violation(problem: string): HostError {
  return new HostError("PROTOCOL_VIOLATION", `multiplexed connection: ${problem}`, {
    hint: "the other side must speak yamux, version 0",
  });
}
