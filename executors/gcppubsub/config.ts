import { choice, custom, defineConfig, duration, integer, text, type ConfigOf } from "@executor-host/sdk";
import { debugField, parseBase64, parseJsonText, word } from "@executor-host/sdk/remote";

import { defaults } from "./defaults.ts";
import { parseAttributes, parseMessages, parseOrderingKey } from "./message/message.ts";
import { parseEndpoint, parseProject, parseTopic } from "./message/names.ts";

const string = { type: "string" } as const;

/** The keys of Dkron's gcppubsub executor, spelled as there, and ours. */
export const config = defineConfig({
  // Where to
  project: custom({ summary: "Project id.", schema: string, parse: parseProject, examples: ["acme-prod"] }),
  topic: custom({
    summary: "Topic: its id in the project, or projects/PROJECT/topics/ID.",
    required: true,
    schema: string,
    parse: parseTopic,
    examples: ["ticks"],
  }),

  // The message
  data: custom({ summary: "Content: bytes in base64.", schema: string, parse: parseBase64, examples: ["aGk="] }),
  data_text: text({ summary: "Content: text, sent as UTF-8." }),
  data_json: custom({
    summary: "Content: JSON text, sent as it is.",
    schema: string,
    parse: parseJsonText,
    examples: ['{"ok":true}'],
  }),
  data_file: word("Content: path of a file on the executor's machine."),
  attributes: custom({
    summary: "Attributes: a JSON object of strings.",
    schema: string,
    parse: parseAttributes,
    examples: ['{"source":"cron"}'],
  }),
  ordering_key: custom({
    summary: "Messages with the same key are received in the order in which they were published.",
    schema: string,
    parse: parseOrderingKey,
  }),
  messages: custom({
    summary:
      "Many messages: JSON objects, one a line or in an array, with data, data_text or data_json, attributes and ordering_key.",
    schema: string,
    parse: parseMessages,
    examples: ['{"data_text":"one"}\n{"data_text":"two","attributes":{"n":"2"}}'],
  }),
  messages_file: word("The same as the path of a file."),

  // Who we are
  credentials: word(
    "Credentials as JSON: the key of a service account, workload identity federation, impersonation; default: Application Default Credentials of the executor's process.",
    { secret: true },
  ),
  credentials_file: word("The same as the path of a file."),
  quota_project: custom({ summary: "Project that requests are counted for.", schema: string, parse: parseProject }),

  // The way there
  endpoint: custom({
    summary: "Endpoint other than pubsub.googleapis.com: regional or private.",
    schema: string,
    parse: parseEndpoint,
    examples: ["europe-west1-pubsub.googleapis.com"],
  }),
  emulator: custom({
    summary:
      "HOST:PORT of an emulator, without TLS and credentials; default: what PUBSUB_EMULATOR_HOST says in the executor's environment.",
    schema: string,
    parse: parseEndpoint,
    examples: ["127.0.0.1:8085"],
  }),
  compression: choice({
    summary: "How to compress requests.",
    values: ["identity", "gzip"] as const,
    default: "identity",
  }),

  // Time, and trying again
  timeout: duration({
    summary: "Longest time of one execution, all attempts included; 0 means no limit.",
    default: defaults.timeoutMs,
    bareUnit: "s",
    examples: ["30s"],
  }),
  retry_attempts: integer({
    summary: "Attempts of each request, the first included, when Pub/Sub is unavailable or short of something.",
    default: defaults.attempts,
    minimum: 1,
    maximum: 100,
  }),
  retry_backoff: duration({
    summary: "Wait before the second attempt; doubles with each, with jitter.",
    default: defaults.backoffMs,
    minimumMs: 1,
    bareUnit: "s",
  }),
  debug: debugField,
});

export type Config = ConfigOf<typeof config>;
