import { choice, custom, defineConfig, duration, flag, integer, text, type ConfigOf } from "@executor-host/sdk";
import { debugField, parseBase64, parseHeaderList, parseJsonText, tlsFields, word } from "@executor-host/sdk/remote";

import { parseServers } from "./connection/servers.ts";
import { defaults } from "./defaults.ts";
import { parseBucket, parseKey, parsePrefix, parseSubject } from "./message/names.ts";

const string = { type: "string" } as const;

/** The keys of Dkron's nats executor, spelled as there, and ours. */
export const config = defineConfig({
  // Where to
  url: custom({
    summary:
      "Servers, separated by commas, tried in random order until one takes us: nats://HOST:PORT, tls://HOST:PORT or HOST:PORT. User and password, or a token, may stand before the host.",
    required: true,
    secret: true,
    schema: string,
    parse: parseServers,
    examples: ["nats://n1.example.test:4222,nats://n2.example.test:4222"],
  }),
  subject: custom({ summary: "Subject to publish to.", schema: string, parse: parseSubject, examples: ["jobs.nudge"] }),
  mode: choice({
    summary:
      "What success means. core: the server has read the message. jetstream: a stream has stored it. request: somebody has answered. auto: jetstream if a stream takes the subject, otherwise core.",
    values: ["auto", "core", "jetstream", "request"] as const,
    default: "auto",
  }),

  // The message
  message: text({ summary: "Payload: text, sent as UTF-8." }),
  message_base64: custom({ summary: "Payload: bytes in base64.", schema: string, parse: parseBase64 }),
  message_json: custom({
    summary: "Payload: JSON text, sent as it is.",
    schema: string,
    parse: parseJsonText,
    examples: ['{"ok":true}'],
  }),
  message_file: word("Payload: path of a file on the executor's machine."),
  headers: custom({
    summary:
      'Message headers: a JSON object of strings or lists of strings, or a JSON array of "Name: value" strings. Names keep their case.',
    secret: true,
    schema: string,
    parse: parseHeaderList,
    examples: ['{"X-Job":"nightly"}'],
  }),
  reply_to: custom({
    summary: "Subject that receivers may answer to; nobody waits for answers.",
    schema: string,
    parse: parseSubject,
  }),

  // JetStream
  message_id: word(
    "Nats-Msg-Id, by which a stream knows a message it has stored already; default: the execution's id, so that a repeated attempt is stored once.",
  ),
  expect_stream: word("Refuse to store in any other stream."),
  expect_last_sequence: integer({ summary: "Store only if this is the stream's last sequence.", minimum: 0 }),
  expect_last_subject_sequence: integer({
    summary:
      "Store only if this is the sequence of the subject's last message in the stream; 0 means that there is none.",
    minimum: 0,
  }),
  expect_last_message_id: word("Store only if this is the Nats-Msg-Id of the stream's last message."),
  ttl: duration({
    summary: "The stream forgets the message after this time, in whole seconds; the stream must allow it.",
    minimumMs: 1_000,
    bareUnit: "s",
    examples: ["1h"],
  }),
  rollup: choice({
    summary: "The message replaces all earlier ones: of its subject, or of the whole stream; the stream must allow it.",
    values: ["subject", "all"] as const,
  }),
  domain: custom({ summary: "JetStream domain.", schema: string, parse: parsePrefix }),
  api_prefix: custom({
    summary: "Subject prefix of the JetStream API, where it is not $JS.API.",
    schema: string,
    parse: parsePrefix,
  }),

  // Key-value
  kv_bucket: custom({
    summary: "Put the payload into this key-value bucket instead of publishing to a subject.",
    schema: string,
    parse: parseBucket,
  }),
  kv_key: custom({ summary: "Key to put.", schema: string, parse: parseKey, examples: ["jobs.nightly"] }),
  kv_revision: integer({
    summary: "Put only if this is the key's revision; 0 means that there is no such key.",
    minimum: 0,
  }),

  // Request and reply
  replies: integer({
    summary: "Replies that make a request a success; each is output. 0 takes what comes, and at least one.",
    default: 1,
    minimum: 0,
    maximum: 1_000_000,
  }),
  reply_silence: duration({
    summary: "With replies=0, this much silence after a reply ends the request; so does an empty reply.",
    default: defaults.replySilenceMs,
    minimumMs: 1,
    bareUnit: "ms",
  }),

  // Who we are
  userName: text({ summary: "User." }),
  password: text({ summary: "Password.", secret: true }),
  token: word("Token.", { secret: true }),
  nkey: word("Seed of an NKey (SU...), which signs the server's challenge.", { secret: true }),
  nkey_file: word("Path of a file with the seed."),
  jwt: word("User JWT, to go with nkey or nkey_file.", { secret: true }),
  creds: word("Content of a creds file: a user JWT and its seed.", { secret: true }),
  creds_file: word("Path of a creds file."),

  // TLS
  tls: flag({
    summary: "Insist on TLS, as tls:// in url does. Without it, TLS is used if the server offers it.",
    default: false,
  }),
  tls_first: flag({ summary: "Begin with TLS at once, for servers that expect it.", default: false }),
  ...tlsFields,

  // Time, and the way there
  timeout: duration({
    summary: "Longest time of one execution; 0 means no limit.",
    default: defaults.timeoutMs,
    bareUnit: "s",
    examples: ["10", "1m30s"],
  }),
  connect_timeout: duration({
    summary: "Longest time to connect and log in to one server.",
    default: defaults.connectTimeoutMs,
    minimumMs: 1,
    bareUnit: "s",
  }),
  inbox_prefix: custom({
    summary: "Prefix of the subjects on which answers come back, for accounts that allow only some.",
    default: "_INBOX",
    schema: { type: "string", default: "_INBOX" },
    parse: parsePrefix,
  }),
  debug: debugField,
});

export type Config = ConfigOf<typeof config>;
