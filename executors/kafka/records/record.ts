import type { Header } from "@executor-host/sdk/remote";

/** One record to publish. */
export interface OutgoingRecord {
  /** Null means no key: not the same as an empty one. */
  readonly key: Buffer | null;
  /** Null is a tombstone: in a compacted topic it deletes the key. */
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  /** Undefined: the partitioner chooses. */
  readonly partition: number | undefined;
  /** Milliseconds since 1970; undefined: the time of sending. */
  readonly timestampMs: number | undefined;
}

/** Roughly what a record takes on the wire before compression. */
export function sizeOf({ key, value, headers }: OutgoingRecord): number {
  const overhead = 24;
  return headers.reduce(
    (bytes, [name, content]) => bytes + Buffer.byteLength(name) + Buffer.byteLength(content) + 4,
    (key?.length ?? 0) + (value?.length ?? 0) + overhead,
  );
}
