import { RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import type { Link } from "../connection/link.ts";
import { limits } from "../defaults.ts";
import { apiPrefix, isNoResponders, readJson } from "./api.ts";

/**
 * The stream that stores what is published to a subject.
 *
 * @returns undefined when there is none, or when we cannot know: without JetStream, or without permission to ask
 * @throws `signal.reason`
 */
export async function findStream(
  link: Link,
  config: Config,
  subject: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (link.info.jetstream !== true && config.domain === undefined) return undefined;
  const api = `${apiPrefix(config)}.STREAM.NAMES`;
  const key = `${api} ${subject}`;
  const known = link.streams.get(key);
  if (known !== undefined && known.untilMs > Date.now()) return known.name;
  const name = await ask(link, api, subject, signal);
  if (link.streams.size >= limits.streamLookups) link.streams.clear();
  link.streams.set(key, { name, untilMs: Date.now() + limits.streamLookupKeptMs });
  return name;
}

async function ask(link: Link, api: string, subject: string, signal: AbortSignal): Promise<string | undefined> {
  const limit = AbortSignal.timeout(limits.streamLookupMs);
  const payload = Buffer.from(JSON.stringify({ subject }));
  let name: string | undefined;
  try {
    await link.request(
      { subject: api, payload, headers: undefined },
      (reply) => {
        const streams = isNoResponders(reply) ? undefined : readJson(reply)?.["streams"];
        name = Array.isArray(streams) && typeof streams[0] === "string" ? streams[0] : undefined;
        return true;
      },
      AbortSignal.any([signal, limit]),
      1,
    );
    return name;
  } catch (error) {
    signal.throwIfAborted();
    const isDenied = error instanceof RemoteFailure && error.code === "PERMISSION_DENIED";
    if (isDenied || limit.aborted) return undefined;
    throw error;
  }
}
