import lz4 from "lz4js";

/** Magic number; version 1, independent blocks of at most 4 MiB, no checksums; and the checksum of that. Source: LZ4 frame format. */
const head = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73);
const maxBlockBytes = 4 * 1024 * 1024;
/** Marks a block that is stored as it is. */
const storedBit = 0x8000_0000;
const hashEntries = 1 << 16;

/** Make an LZ4 frame as Kafka wants it: the library's own frames have blocks that build on each other, which Kafka does not read. */
export function lz4Frame(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [head];
  for (let at = 0; at < bytes.length; at += maxBlockBytes) {
    parts.push(...block(bytes.subarray(at, at + maxBlockBytes)));
  }
  return Buffer.concat([...parts, length(0)]);
}

function block(bytes: Uint8Array): readonly Uint8Array[] {
  const packed = new Uint8Array(lz4.compressBound(bytes.length));
  const size = lz4.compressBlock(bytes, packed, 0, bytes.length, new Uint32Array(hashEntries));
  // 0: not compressible.
  return size === 0 || size >= bytes.length
    ? [length(bytes.length | storedBit), bytes]
    : [length(size), packed.subarray(0, size)];
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
