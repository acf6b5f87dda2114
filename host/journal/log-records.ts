import { Channel } from "@executor-host/proto/executor";
import { ExecuteResponse, type Event } from "@executor-host/proto/host";
import { records } from "@executor-host/proto/shared/frame";
import { toTimestamp } from "@executor-host/proto/shared/time";
import { nothing, type Contents } from "./contents.ts";

/** The whole records at the start of a piece of a log. */
export function wholeRecords(piece: Buffer): Buffer {
  let end = 0;
  for (const record of records(piece)) end = record.end;
  return piece.subarray(0, end);
}

/** What a piece of whole records holds. */
export function contentsOf(piece: Buffer): Contents {
  const contents = { ...nothing };
  for (const { sequence, kind } of ExecuteResponse.decode(piece).events) {
    contents.firstSequence ||= sequence;
    contents.lastSequence = sequence;
    if (kind?.$case !== "output") continue;
    if (kind.value.channel === Channel.STDERR) contents.stderrBytes += kind.value.data.length;
    else contents.stdoutBytes += kind.value.data.length;
  }
  return contents;
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
