import {
  byteSize,
  choice,
  custom,
  defineConfig,
  duration,
  FieldError,
  flag,
  integer,
  text,
  type ConfigOf,
} from "@executor-host/sdk";
import { debugField, parseBase64, parseHeaderList, parseJsonText, tlsFields, word } from "@executor-host/sdk/remote";

import { parseBrokers } from "./connection/brokers.ts";
import { defaults } from "./defaults.ts";
import { partitioners } from "./partition/assigner.ts";
import { parseRecordLines, parseRecords, parseTimestamp } from "./records/parse.ts";

const string = { type: "string" } as const;

/** Dkron's names of the mechanisms, and those of Kafka. */
const mechanisms = {
  sha256: "scram-sha-256",
  sha512: "scram-sha-512",
  "scram-sha-256": "scram-sha-256",
  "scram-sha-512": "scram-sha-512",
  plain: "plain",
  oauthbearer: "oauthbearer",
} as const;

const { tls_no_verify: _sameAsDkrons, ...tls } = tlsFields;

/** The keys of Dkron's kafka executor, spelled as there, and ours. */
export const config = defineConfig({
  // Where to
  brokerAddress: custom({
    summary: "Brokers to ask first, host:port each, separated by commas; the others are learned from them.",
    required: true,
    schema: string,
    parse: parseBrokers,
    examples: ["k1.example.test:9092,k2.example.test:9092"],
  }),
  topic: text({ summary: "Topic to publish to.", required: true, examples: ["ticks"] }),
  create_topic: flag({
    summary:
      "Create the topic if it is not there. Otherwise a missing topic is a failure, whatever the cluster would do.",
    default: false,
  }),
  create_topic_partitions: integer({
    summary: "Partitions of a topic that is created; default: the cluster's.",
    minimum: 1,
  }),
  create_topic_replication: integer({
    summary: "Replicas of a topic that is created; default: the cluster's.",
    minimum: 1,
    maximum: 32_767,
  }),

  // One record
  message: text({ summary: "Value: text, sent as UTF-8. Without any value, the record has an empty one." }),
  message_base64: custom({ summary: "Value: bytes in base64.", schema: string, parse: parseBase64 }),
  message_json: custom({
    summary: "Value: JSON text, checked and sent as it is.",
    schema: string,
    parse: parseJsonText,
    examples: ['{"ok":true}'],
  }),
  message_file: word("Value: path of a file on the executor's machine, sent as it is."),
  tombstone: flag({ summary: "Send no value: in a compacted topic, that deletes the key.", default: false }),
  key: word("Key: text, sent as UTF-8. Unset or empty: the record has no key."),
  key_base64: custom({ summary: "Key: bytes in base64.", schema: string, parse: parseBase64 }),
  headers: custom({
    summary:
      'Headers of each record: a JSON object of strings or lists of strings, or a JSON array of "Name: value" strings.',
    schema: string,
    parse: parseHeaderList,
    examples: ['{"source":"cron","tag":["a","b"]}'],
  }),
  execution_id_header: word(
    "Name of a header that is to carry the execution's id, for consumers that look for repetitions.",
  ),
  partition: integer({ summary: "Partition to write to, from 0; default: the partitioner chooses.", minimum: 0 }),
  timestamp: custom({
    summary: "Time of the record: milliseconds since 1970, or as in RFC 3339; default: the time of sending.",
    schema: string,
    parse: parseTimestamp,
    examples: ["2026-01-31T06:00:00Z"],
  }),

  // Many records
  messages: custom({
    summary:
      "Records: a JSON array of objects with value (text; null is a tombstone; anything else is sent as JSON) or value_base64, and optionally key or key_base64, headers, partition, timestamp.",
    schema: string,
    parse: parseRecords,
    examples: ['[{"key":"eu","value":"one"},{"key":"us","value":{"n":2}},{"key":"old","value":null}]'],
  }),
  messages_ndjson: custom({
    summary: "Records: the objects of messages, one on each line.",
    schema: string,
    parse: parseRecordLines,
    examples: ['{"value":"one"}\n{"value":"two"}'],
  }),
  messages_file: word(
    "Records: path of a file with the lines of messages_ndjson. Nothing is sent unless all are right.",
  ),
  batch_bytes: byteSize({
    summary: "Bytes of records that are sent together. The topic's max.message.bytes must allow it.",
    default: defaults.batchBytes,
    minimum: 1024,
  }),

  // How
  acks: choice({
    summary:
      "Who must have a record before it counts as published: all replicas in sync, or the leader. With none, nobody says anything, and nothing is proven.",
    values: ["all", "leader", "none"] as const,
    default: "all",
  }),
  idempotent: flag({
    summary:
      "Let the cluster recognize what is sent again, so that nothing is written twice; default: true with acks=all.",
  }),
  transaction: flag({
    summary: "Publish all records of the execution, or none that a consumer with read_committed can see.",
    default: false,
  }),
  transactional_id: word(
    "Id of the transaction, the same in each execution: a new one then ends what an earlier one has left open. Default: made up.",
  ),
  compression: choice({
    summary: "Compression of what is sent together.",
    values: ["none", "gzip", "snappy", "lz4", "zstd"] as const,
    default: "none",
  }),
  partitioner: choice({
    summary:
      "How keys map to partitions: murmur2 as Java's clients do it, crc32 as librdkafka, fnv1a as Sarama and Dkron; or random or round_robin, whatever the key. Records without a key go to one partition of the batch.",
    values: partitioners,
    default: "murmur2",
  }),

  // Time
  timeout: duration({
    summary:
      "Longest time of the execution: connecting, sending, and sending again until it is acknowledged. 0: no limit.",
    default: defaults.timeoutMs,
    bareUnit: "s",
  }),
  connect_timeout: duration({
    summary:
      "Longest time to get a connection, login included; brokers that do not answer are asked again. 0: no limit.",
    default: defaults.connectTimeoutMs,
    bareUnit: "s",
  }),

  // Who we are
  client_id: text({ summary: "Name in the cluster's logs and quotas.", default: defaults.clientId, minLength: 1 }),
  saslMechanism: custom({
    summary: "How to log in: sha256 or sha512 (SCRAM), plain, or oauthbearer.",
    schema: string,
    parse: parseMechanism,
    examples: ["sha512"],
  }),
  saslUsername: word("User, for SCRAM and plain."),
  saslPassword: word("Password, for SCRAM and plain.", { secret: true }),
  sasl_token: word("Token, for oauthbearer.", { secret: true }),
  sasl_token_url: custom({
    summary: "Where to get a token with client credentials, for oauthbearer.",
    schema: { type: "string", format: "uri" },
    parse: parseTokenUrl,
    examples: ["https://login.example.test/token"],
  }),
  sasl_client_id: word("Client id, for sasl_token_url."),
  sasl_client_secret: word("Client secret, for sasl_token_url.", { secret: true }),
  sasl_scope: word("Scopes to ask for, separated by spaces."),

  // TLS
  tlsEnable: flag({ summary: "Speak TLS with the brokers.", default: false }),
  tlsInsecureSkipVerify: flag({ summary: "Take any certificate of a broker. Insecure.", default: false }),
  ...tls,

  debug: debugField,
});

export type Config = ConfigOf<typeof config>;

function parseMechanism(given: string): (typeof mechanisms)[keyof typeof mechanisms] {
  const name = given.trim().toLowerCase();
  if (Object.hasOwn(mechanisms, name)) return mechanisms[name as keyof typeof mechanisms];
  throw new FieldError("is no mechanism known here", `write one of ${Object.keys(mechanisms).join(", ")}`);
}

function parseTokenUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new FieldError("is not an absolute http or https URL");
  if (url.username !== "" || url.password !== "") {
    throw new FieldError("must not hold credentials", "use sasl_client_id and sasl_client_secret");
  }
  return url;
}
