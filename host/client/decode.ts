import * as executorV1 from "@executor-host/proto/executor";
import * as hostV1 from "@executor-host/proto/host";
import { eventsIn, parseOutputEvent } from "@executor-host/proto/shared/frame";
import { eventFromProto } from "./convert.ts";
import type { Event } from "./types.ts";

/**
 * Decode an `ExecuteResponse` or a `WatchResponse`. Output, the bulk of all, is not copied: it shares the message's memory.
 *
 * @throws {RangeError} when the bytes are no such message
 */
export function decodeEvents(message: Buffer): Event[] {
  return eventsIn(message).map(decodeEvent);
}

function decodeEvent(event: Buffer): Event {
  const output = parseOutputEvent(event);
  if (output === undefined) return eventFromProto(hostV1.Event.decode(event));
  const { sequence, timeMs, attempt, offset, data } = output;
  const channel = output.channel === executorV1.Channel.STDERR ? "stderr" : "stdout";
  return { sequence, timeMs, attempt, type: "output", channel, offset, data };
}
