import { FieldError, type Execution } from "@executor-host/sdk";
import { readNamedFile, readNamedLines, traceHeaders } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { limits } from "../defaults.ts";
import { fail } from "../failure.ts";
import { bytesOf, isEmpty, parseMessages, type Message } from "./message.ts";

/**
 * The messages of a job, with the execution's trace among their attributes.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `MESSAGES_INVALID`, `MESSAGE_TOO_LARGE`
 */
export async function readMessages(execution: Execution<Config>, signal: AbortSignal): Promise<readonly Message[]> {
  const trace = Object.fromEntries(
    // The second name is what Google's own subscribers look for.
    traceHeaders(execution.traceContext).flatMap(([name, value]) => [
      [name, value],
      [`googclient_${name}`, value],
    ]),
  );
  const messages = await given(execution.config, signal);
  return messages.map((message, index) => {
    const complete = { ...message, attributes: { ...trace, ...message.attributes } };
    const bytes = bytesOf(complete);
    if (bytes > limits.messageBytes) {
      const position = messages.length > 1 ? `message ${index + 1}` : "the message";
      throw fail(
        "MESSAGE_TOO_LARGE",
        `${position} has ${bytes} bytes, and Pub/Sub takes ${limits.messageBytes} at most`,
      );
    }
    return complete;
  });
}

async function given(config: Config, signal: AbortSignal): Promise<readonly Message[]> {
  if (config.messages !== undefined) return config.messages;
  if (config.messages_file !== undefined) return await readBatch(config.messages_file, signal);
  const data = await readData(config, signal);
  const message = { data, attributes: config.attributes ?? {}, orderingKey: config.ordering_key ?? "" };
  if (isEmpty(message)) throw fail("MESSAGES_INVALID", "the message has neither data nor attributes");
  return [message];
}

async function readData(config: Config, signal: AbortSignal): Promise<Uint8Array> {
  if (config.data !== undefined) return config.data;
  if (config.data_file !== undefined) return await readNamedFile("data_file", config.data_file, signal);
  return Buffer.from(config.data_json ?? config.data_text ?? "");
}

async function readBatch(path: string, signal: AbortSignal): Promise<readonly Message[]> {
  const text = await readNamedLines("messages_file", path, signal);
  try {
    return parseMessages(text);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw fail("MESSAGES_INVALID", `messages_file ${path} ${error.message}`, { hint: error.hint || undefined });
  }
}

/** Messages put together in requests, in their order; a large one has a request of its own. */
export function requestsOf(messages: readonly Message[]): Message[][] {
  const requests: Message[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const more = bytesOf(message);
    const last = requests.at(-1);
    if (last === undefined || last.length >= limits.requestMessages || bytes + more > limits.requestBytes) {
      requests.push([message]);
      bytes = more;
    } else {
      last.push(message);
      bytes += more;
    }
  }
  return requests;
}
