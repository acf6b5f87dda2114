import type { Header } from "@executor-host/sdk/remote";

import type { Link, Outgoing } from "../connection/link.ts";
import { fail } from "../failure.ts";

/**
 * A message as the server will take it.
 *
 * @throws {RemoteFailure} `PAYLOAD_TOO_LARGE`, `HEADERS_NOT_SUPPORTED`: the library would cut the connection, or drop them
 */
export function outgoing(link: Link, subject: string, payload: Uint8Array, list: readonly Header[]): Outgoing {
  const { headers: supported, max_payload: maxBytes } = link.info;
  if (list.length > 0 && supported !== true) {
    throw fail("HEADERS_NOT_SUPPORTED", `the server ${link.peer} does not support headers: ${list[0]?.[0]}`);
  }
  const headers = list.length === 0 ? undefined : link.nats.headers();
  for (const [name, value] of list) headers?.append(name, value);
  const bytes =
    payload.length + list.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + 4, 0);
  if (bytes > maxBytes) {
    throw fail("PAYLOAD_TOO_LARGE", `the message has ${bytes} bytes, and the server takes ${maxBytes} at most`, {
      hint: "raise max_payload of the server, or send less",
    });
  }
  return { subject, payload, headers };
}
