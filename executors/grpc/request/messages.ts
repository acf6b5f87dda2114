import { fromJsonString, toBinary, type DescMessage, type DescMethod, type Registry } from "@bufbuild/protobuf";
import { messageOf, readNamedFile } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { fail } from "../failure.ts";
import { splitJson } from "./split-json.ts";

/** @throws {RemoteFailure} `FILE_UNREADABLE` */
export async function readBody(config: Config, signal: AbortSignal): Promise<string> {
  if (config.body_file === undefined) return config.body ?? "";
  return (await readNamedFile("body_file", config.body_file, signal)).toString();
}

/**
 * The messages to send: one, or as many as there are JSON values if the method takes a stream.
 *
 * @throws {RemoteFailure} `BODY_INVALID`, `MESSAGE_TOO_LARGE`
 */
export function encodeMessages(
  body: string,
  { input, name, methodKind }: DescMethod,
  registry: Registry,
  maxBytes = Infinity,
): Uint8Array[] {
  const takesMany = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const texts = splitJson(body);
  if (!takesMany && texts.length > 1) {
    throw fail("BODY_INVALID", `the body holds ${texts.length} messages, and ${name} takes one`);
  }
  if (!takesMany && texts.length === 0) texts.push("{}");
  return texts.map((text, index) => {
    const position = texts.length > 1 ? ` (message ${index + 1})` : "";
    const message = encode(text, input, registry, position);
    if (message.length <= maxBytes) return message;
    throw fail(
      "MESSAGE_TOO_LARGE",
      `the request${position} has ${message.length} bytes, and max_send_bytes is ${maxBytes}`,
    );
  });
}

function encode(text: string, input: DescMessage, registry: Registry, position: string): Uint8Array {
  try {
    return toBinary(input, fromJsonString(input, text, { registry }));
  } catch (error) {
    throw fail("BODY_INVALID", `the body does not fit ${input.typeName}${position}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
