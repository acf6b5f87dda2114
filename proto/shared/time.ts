import type { Duration } from "../gen/google/protobuf/duration.ts";
import type { Timestamp } from "../gen/google/protobuf/timestamp.ts";

/** Milliseconds since the epoch, fractions kept, as a protobuf timestamp. */
export function toTimestamp(epochMs: number): Timestamp {
  const seconds = Math.floor(epochMs / 1000);
  return { seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) };
}

/** @returns milliseconds since the epoch; undefined for an unset timestamp */
export function fromTimestamp(timestamp: Timestamp | undefined): number | undefined {
  return timestamp === undefined ? undefined : timestamp.seconds * 1000 + timestamp.nanos / 1e6;
}

/** Milliseconds as a protobuf duration. */
export function toDuration(durationMs: number): Duration {
  const seconds = Math.trunc(durationMs / 1000);
  return { seconds, nanos: Math.round((durationMs - seconds * 1000) * 1e6) };
}

/** @returns milliseconds; undefined for an unset duration */
export function fromDuration(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : duration.seconds * 1000 + duration.nanos / 1e6;
}
