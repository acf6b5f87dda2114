import type { EventNote, Recording } from "./execution-call.ts";
import { status } from "@grpc/grpc-js";
import { errorText } from "./calls.ts";

/** @returns where the sequence numbers are not first, first + 1, first + 2 ... */
export function gapIn(events: readonly EventNote[], first = 1): string | undefined {
  const at = events.findIndex(({ sequence }, index) => sequence !== first + index);
  return at < 0 ? undefined : `event ${first + at} has the sequence number ${events[at]?.sequence}`;
}

/** @returns where the output of a channel has a gap, an overlap, or no channel */
export function offsetGapIn(events: readonly EventNote[]): string | undefined {
  const ends = new Map([
    [1, 0],
    [2, 0],
  ]);
  for (const { sequence, output } of events) {
    if (output === undefined) continue;
    const expected = ends.get(output.channel);
    if (expected === undefined) return `event ${sequence} is output of channel ${output.channel}`;
    if (output.offset !== expected)
      return `event ${sequence} is output from ${output.offset} on, where ${expected} comes next`;
    ends.set(output.channel, expected + output.bytes);
  }
  return undefined;
}

/** @returns what is wrong with a stream as a whole */
export function disorderIn({ events, end, result }: Recording): string | undefined {
  if (end.code !== status.OK) return `the stream ended with ${errorText(end)}`;
  if (result === undefined || events.at(-1)?.result === undefined) return "the result is not the last event";
  return gapIn(events) ?? offsetGapIn(events);
}
