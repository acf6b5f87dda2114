import { ExecuteResponse, type Event } from "@executor-host/proto/host";
import { records } from "@executor-host/proto/shared/frame";
import { toTimestamp } from "@executor-host/proto/shared/time";
import type { Contents } from "./segments.ts";

/** The whole records at the start of a piece of a log. */
export function wholeRecords(piece: Buffer): Buffer {
  let end = 0;
  for (const record of records(piece)) end = record.end;
  return piece.subarray(0, end);
}

/** A batch of records without those before a sequence number. */
export function skipBefore(batch: Buffer, sequence: number): Buffer {
  for (const record of records(batch)) if (record.sequence >= sequence) return batch.subarray(record.start);
  return batch.subarray(batch.length);
}

/** The record that stands in a watcher's stream for what is no longer there. */
export function encodeDropped(contents: Contents): Buffer {
  const event: Event = {
    sequence: contents.lastSequence,
    time: toTimestamp(Date.now()),
    attempt: 0,
    kind: { $case: "outputDropped", value: contents },
  };
  return Buffer.from(ExecuteResponse.encode({ events: [event] }).finish());
}
