import { FieldError } from "@executor-host/sdk";
import { readNamedFile, readNamedLines, type Header } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { failure } from "../failure.ts";
import { parseRecordLines } from "./parse.ts";
import type { OutgoingRecord } from "./record.ts";

/**
 * Everything a job wants to publish, well-formed to the last record: nothing is sent before all of it is known.
 *
 * @param added headers that each record gets unless it has one of that name
 * @throws {RemoteFailure} `FILE_UNREADABLE`, `RECORDS_INVALID`
 */
export async function collectRecords(
  config: Config,
  added: readonly Header[],
  signal: AbortSignal,
): Promise<readonly OutgoingRecord[]> {
  const records = await givenRecords(config, signal);
  return records.map((record) => {
    const own = [...record.headers, ...(config.headers ?? []).filter(([name]) => !has(record.headers, name))];
    return { ...record, headers: [...own, ...added.filter(([name]) => !has(own, name))] };
  });
}

async function givenRecords(config: Config, signal: AbortSignal): Promise<readonly OutgoingRecord[]> {
  if (config.messages !== undefined) return config.messages;
  if (config.messages_ndjson !== undefined) return config.messages_ndjson;
  if (config.messages_file !== undefined) return recordsOfFile(config.messages_file, signal);
  return [
    {
      key: keyOf(config),
      value: await valueOf(config, signal),
      headers: [],
      partition: config.partition,
      timestampMs: config.timestamp,
    },
  ];
}

async function recordsOfFile(path: string, signal: AbortSignal): Promise<readonly OutgoingRecord[]> {
  const content = await readNamedLines("messages_file", path, signal);
  try {
    return parseRecordLines(content);
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw failure("RECORDS_INVALID", `messages_file ${path}: ${error.message}`, { hint: error.hint });
  }
}

function keyOf({ key, key_base64: encoded }: Config): Buffer | null {
  if (encoded !== undefined) return Buffer.from(encoded);
  return key === undefined ? null : Buffer.from(key);
}

async function valueOf(config: Config, signal: AbortSignal): Promise<Buffer | null> {
  if (config.tombstone) return null;
  if (config.message_base64 !== undefined) return Buffer.from(config.message_base64);
  if (config.message_file !== undefined) return readNamedFile("message_file", config.message_file, signal);
  return Buffer.from(config.message_json ?? config.message ?? "");
}

/** Names of Kafka's headers are told apart by case. */
function has(headers: readonly Header[], name: string): boolean {
  return headers.some(([one]) => one === name);
}
