import { FieldError, type Execution } from "@executor-host/sdk";
import { readNamedFile, readNamedLines, traceHeaders } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import type { Outgoing } from "../connection/publish-channel.ts";
import { failure } from "../failure.ts";
import { parseMessageLines, type Entry } from "./many.ts";
import type { Table } from "./table.ts";

/**
 * Everything a job wants to publish, well-formed to the last message: nothing is sent before all of it is known.
 *
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `MESSAGES_INVALID`
 */
export async function collectMessages(execution: Execution<Config>, signal: AbortSignal): Promise<readonly Outgoing[]> {
  const { config } = execution;
  const entries = await entriesOf(config, signal);
  const properties = propertiesOf(config);
  const added = addedHeaders(execution);
  return entries.map((entry) => ({
    exchange: exchangeOf(config),
    routingKey: entry.routingKey ?? routingKeyOf(config),
    content: entry.content,
    properties: {
      ...properties,
      // What the job itself says counts.
      headers: { ...added, ...config["message.headers"], ...entry.headers },
      ...(entry.messageId !== undefined && { messageId: entry.messageId }),
    },
  }));
}

/** `amq.default` is how the management names the one without a name. */
export function exchangeOf({ exchange = "" }: Pick<Config, "exchange">): string {
  return exchange === "amq.default" ? "" : exchange;
}

function routingKeyOf(config: Config): string {
  return config.routing_key ?? config["queue.name"] ?? "";
}

async function entriesOf(config: Config, signal: AbortSignal): Promise<readonly Entry[]> {
  if (config.messages !== undefined) return config.messages;
  if (config.messages_ndjson !== undefined) return config.messages_ndjson;
  if (config.messages_file !== undefined) return entriesOfFile(config.messages_file, signal);
  return [{ content: await bodyOf(config, signal), routingKey: undefined, headers: {}, messageId: undefined }];
}

async function entriesOfFile(path: string, signal: AbortSignal): Promise<readonly Entry[]> {
  const content = await readNamedLines("messages_file", path, signal);
  try {
    return parseMessageLines(content);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw failure("MESSAGES_INVALID", `messages_file ${path}: ${error.message}`, { hint: error.hint });
  }
}

async function bodyOf(config: Config, signal: AbortSignal): Promise<Buffer> {
  const bytes = config["message.base64Body"];
  if (bytes !== undefined) return Buffer.from(bytes);
  const path = config["message.file"];
  if (path !== undefined) return readNamedFile("message.file", path, signal);
  return Buffer.from(config["message.json"] ?? config["message.body"] ?? "");
}

function propertiesOf(config: Config): Omit<Outgoing["properties"], "headers"> {
  const { mandatory } = config;
  const fallback = config["message.json"] === undefined ? "text/plain" : "application/json";
  const given = {
    contentType: config["message.content_type"] ?? fallback,
    contentEncoding: config["message.content_encoding"],
    // 0 is what Dkron sends by default, and what brokers take for 1.
    deliveryMode: Math.max(config["message.delivery_mode"], 1),
    priority: config["message.priority"],
    correlationId: config["message.correlation_id"],
    replyTo: config["message.reply_to"],
    expiration: config["message.expiration"],
    messageId: config["message.messageId"],
    timestamp: config["message.timestamp"],
    type: config["message.type"],
    userId: config["message.user_id"],
    appId: config["message.app_id"],
    CC: config["message.cc"],
    BCC: config["message.bcc"],
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { mandatory, ...(Object.fromEntries(set) as Outgoing["properties"]) };
}

function addedHeaders({ id, traceContext, config }: Execution<Config>): Table {
  const name = config.execution_id_header;
  return { ...Object.fromEntries(traceHeaders(traceContext)), ...(name !== undefined && { [name]: id }) };
}
