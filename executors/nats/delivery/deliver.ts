import type { Config } from "../config.ts";
import { apiPrefix } from "./api.ts";
import { publishCore } from "./core.ts";
import { findStream } from "./find-stream.ts";
import { publishToStream } from "./jetstream.ts";
import { request } from "./request.ts";
import type { Delivery } from "./delivery.ts";

type Way = "core" | "jetstream" | "request";

const ways: Readonly<Record<Way, (delivery: Delivery) => Promise<void>>> = {
  core: publishCore,
  jetstream: publishToStream,
  request,
};

/**
 * Deliver the message in the way that the job asks for.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function deliver(delivery: Delivery): Promise<void> {
  const way = await wayOf(delivery);
  delivery.evidence = { ...delivery.evidence, mode: way, subject: delivery.subject, bytes: delivery.payload.length };
  await ways[way](delivery);
}

async function wayOf(delivery: Delivery): Promise<Way> {
  const { config } = delivery.execution;
  const stated = statedWay(config);
  if (stated !== undefined) return stated;
  delivery.phase = "while asking for the subject's stream";
  const stream = await findStream(delivery.link, config, delivery.subject, delivery.signal);
  return stream === undefined ? "core" : "jetstream";
}

/** The keys that only a stream can honour, in so far as they are set. */
export function streamKeysSet(config: Config): string[] {
  const keys = [
    "expect_stream",
    "expect_last_sequence",
    "expect_last_subject_sequence",
    "expect_last_message_id",
    "message_id",
    "ttl",
    "rollup",
    "kv_bucket",
  ] as const;
  return keys.filter((key) => config[key] !== undefined);
}

/** The way that the job's keys leave open no doubt about; undefined when the server has to be asked. */
export function statedWay(config: Config): Way | undefined {
  if (config.mode !== "auto") return config.mode;
  if (streamKeysSet(config).length > 0) return "jetstream";
  // A stream answers where receivers are to answer.
  return config.reply_to === undefined ? undefined : "core";
}

/** Where the payload goes: the subject, or that of a bucket's key. */
export function subjectOf(config: Config): string {
  if (config.kv_bucket === undefined) return config.subject ?? "";
  const prefix = apiPrefix(config) === "$JS.API" ? "" : `${apiPrefix(config)}.`;
  return `${prefix}$KV.${config.kv_bucket}.${config.kv_key}`;
}
