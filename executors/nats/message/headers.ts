import type { Execution } from "@executor-host/sdk";
import { traceHeaders, type Header } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";

/** The headers of any message: what the job says, and the execution's trace. A header of the job wins over ours. */
export function commonHeaders({ config, traceContext }: Execution<Config>): readonly Header[] {
  const given = config.headers ?? [];
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  return [...given, ...traceHeaders(traceContext).filter(([name]) => !names.has(name))];
}

/** Headers by which a stream decides about a message. Source: the JetStream documentation on headers for publishing. */
export function streamHeaders({ config, id }: Execution<Config>): readonly Header[] {
  const { expect_last_sequence: last, ttl } = config;
  const lastOfSubject = config.kv_revision ?? config.expect_last_subject_sequence;
  const stream = config.kv_bucket === undefined ? config.expect_stream : `KV_${config.kv_bucket}`;
  const all: readonly (readonly [string, string | number | undefined])[] = [
    // A bucket's values have no ids: putting the same again is a new revision, unless kv_revision says otherwise.
    ["Nats-Msg-Id", config.message_id ?? (config.kv_bucket === undefined ? id : undefined)],
    ["Nats-Expected-Stream", stream],
    ["Nats-Expected-Last-Sequence", last],
    ["Nats-Expected-Last-Subject-Sequence", lastOfSubject],
    ["Nats-Expected-Last-Msg-Id", config.expect_last_message_id],
    ["Nats-TTL", ttl === undefined ? undefined : `${Math.ceil(ttl / 1000)}s`],
    ["Nats-Rollup", config.rollup === "subject" ? "sub" : config.rollup],
  ];
  return all.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]));
}
