import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs from "kafkajs";
import lz4 from "lz4js";
import snappy from "snappyjs";

import { lz4Frame } from "./lz4-frame.ts";

const { CompressionCodecs, CompressionTypes } = kafkajs;
const compressZstd = promisify(zstdCompress);
const decompressZstd = promisify(zstdDecompress);

/** What `compression` can say, and the library's number for it. */
export const compressions = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
} as const;

export type CompressionName = keyof typeof compressions;

/** The part of the library's encoder that a codec sees. */
interface Encoded {
  readonly buffer: Buffer;
}

interface Codec {
  compress(encoded: Encoded): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

const codecs: Readonly<Record<"snappy" | "lz4" | "zstd", Codec>> = {
  snappy: {
    compress: async ({ buffer }) => Buffer.from(snappy.compress(buffer)),
    decompress: async (bytes) => Buffer.from(snappy.uncompress(bytes)),
  },
  lz4: {
    compress: async ({ buffer }) => lz4Frame(buffer),
    decompress: async (bytes) => Buffer.from(lz4.decompress(bytes)),
  },
  zstd: {
    compress: ({ buffer }) => compressZstd(buffer),
    decompress: (bytes) => decompressZstd(bytes),
  },
};

/** Teach the client library the codecs it lacks; it keeps them in a table of its own. Once per process is enough, more does no harm. */
export function addCodecs(): void {
  for (const name of ["snappy", "lz4", "zstd"] as const) CompressionCodecs[compressions[name]] = () => codecs[name];
}
