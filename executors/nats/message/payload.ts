import { readNamedFile } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";

/** Keys that give the payload, of which a job may set one. */
export const payloadKeys = ["message", "message_base64", "message_json", "message_file"] as const;

/** @throws {RemoteFailure} `FILE_UNREADABLE` */
export async function readPayload(config: Config, signal: AbortSignal): Promise<Uint8Array> {
  if (config.message_base64 !== undefined) return config.message_base64;
  if (config.message_file !== undefined) return await readNamedFile("message_file", config.message_file, signal);
  return Buffer.from(config.message_json ?? config.message ?? "");
}
