import { isUtf8 } from "node:buffer";
import type { Event } from "../client/types.ts";

/**
 * An event as JSON. Output is text where its bytes are UTF-8, else base64; `encoding` says which.
 *
 * A chunk may begin or end in the middle of a character: join the bytes before reading them as text.
 */
export function eventToJson(event: Event): object {
  if (event.type !== "output") return event;
  const { data } = event;
  const encoding = isUtf8(data) ? "utf8" : "base64";
  return { ...event, encoding, data: data.toString(encoding) };
}
