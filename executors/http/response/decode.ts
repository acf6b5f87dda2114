import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";

/** What `Accept-Encoding` offers, unless the job sets that header; then the body is passed on as it comes. */
export const offeredEncodings = "gzip, br, zstd";

const decoders: Record<string, () => Transform> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/**
 * Streams that undo the content codings of a response, in the order to apply them.
 *
 * @returns an empty list when there is nothing to undo; undefined when one of the codings is not known
 */
export function decodersFor(contentEncoding: readonly string[] | undefined): Transform[] | undefined {
  const codings = (contentEncoding ?? [])
    .flatMap((line) => line.split(","))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "" && coding !== "identity");
  const create = codings.toReversed().map((coding) => decoders[coding]);
  return create.every((one) => one !== undefined) ? create.map((one) => one()) : undefined;
}
