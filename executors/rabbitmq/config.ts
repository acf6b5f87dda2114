import {
  array,
  choice,
  custom,
  defineConfig,
  duration,
  FieldError,
  flag,
  integer,
  json,
  object,
  text,
  textList,
  type ConfigOf,
} from "@executor-host/sdk";
import { debugField, parseBase64, parseJsonText, tlsFields, word } from "@executor-host/sdk/remote";

import { parseAddresses } from "./connection/address.ts";
import { mechanisms } from "./connection/settings.ts";
import { defaults, limits } from "./defaults.ts";
import { parseMessageLines, parseMessages } from "./message/many.ts";
import { parseExpiration, parseTimestamp } from "./message/times.ts";
import { parseTable } from "./message/table.ts";

const string = { type: "string" } as const;

function table(summary: string, examples: readonly string[]) {
  return custom({ summary, schema: string, parse: parseTable, examples });
}

/** Names of exchanges, queues and routing keys are short strings of AMQP. */
function name(summary: string, examples: readonly string[] = []) {
  return custom<string>({ summary, schema: string, parse: shortString, ...(examples.length > 0 && { examples }) });
}

/** The keys of Dkron's rabbitmq executor, spelled as there, and ours in the same manner. */
export const config = defineConfig({
  // Where to
  url: custom({
    summary:
      "Brokers to try, in this order: amqp or amqps URLs, separated by commas, or a JSON array. Missing parts: localhost, guest, guest, vhost /.",
    required: true,
    secret: true,
    schema: string,
    parse: parseAddresses,
    examples: ["amqps://mq1.example.test/prod,amqps://mq2.example.test/prod"],
  }),
  exchange: name(
    "Exchange to publish to; unset, empty or amq.default: the default one, which delivers to the queue with the name of the routing key.",
    ["events"],
  ),
  routing_key: custom<string>({
    summary: "Routing key; default: queue.name.",
    schema: string,
    parse: shortString,
    examples: ["order.created"],
  }),
  mandatory: flag({ summary: "A message that no queue gets is a failure.", default: true }),
  confirm: flag({
    summary:
      "Wait until the broker confirms each message. Without it, nobody says that a message has arrived, and nothing is proven.",
    default: true,
  }),

  in_flight: integer({
    summary:
      "Messages that may be on their way without a confirmation. With 1, each is sent when the one before is confirmed; with more, which is faster, messages behind one that fails may have been published.",
    default: 1,
    minimum: 1,
    maximum: limits.inFlight,
  }),

  // The queue
  "queue.name": name("Queue: to declare or to check, and the routing key unless there is a routing_key.", ["reports"]),
  "queue.create": flag({ summary: "Declare the queue before publishing.", default: false }),
  "queue.check": flag({
    summary: "Fail unless the queue is there, before publishing; tells how many messages it holds.",
    default: false,
  }),
  "queue.type": choice({
    summary: "Type of a queue that is declared; default: the broker's.",
    values: ["classic", "quorum", "stream"] as const,
  }),
  "queue.durable": flag({
    summary: "The queue outlives a restart of the broker; default: false, but true for quorum and stream.",
  }),
  "queue.auto_delete": flag({ summary: "The queue goes when its last consumer does.", default: false }),
  "queue.exclusive": flag({
    summary: "The queue goes with the connection, which is closed after the execution, and the message with it.",
    default: false,
  }),
  "queue.arguments": table("Arguments of the declaration: a JSON object; typed values as in message.headers.", [
    '{"x-message-ttl":60000,"x-dead-letter-exchange":"dead"}',
  ]),
  "queue.bindings": json({
    summary: "Bindings of the queue to make before publishing.",
    shape: array(
      object({
        exchange: text({ summary: "Exchange to bind to.", required: true }),
        routing_key: text({ summary: "Pattern of the binding.", default: "" }),
        arguments: custom({
          summary: "Arguments of the binding, such as those of a headers exchange.",
          schema: { type: "object" },
          parse: parseTable,
        }),
      }),
    ),
    examples: ['[{"exchange":"events","routing_key":"order.*"}]'],
  }),

  // The exchange
  "exchange.create": flag({ summary: "Declare the exchange before publishing.", default: false }),
  "exchange.check": flag({ summary: "Fail unless the exchange is there, before publishing.", default: false }),
  "exchange.type": word("Type of an exchange that is declared: direct, topic, fanout, headers, or a plugin's.", {
    examples: ["topic"],
  }),
  "exchange.durable": flag({ summary: "A declared exchange outlives a restart of the broker.", default: true }),
  "exchange.auto_delete": flag({ summary: "A declared exchange goes when its last binding does.", default: false }),
  "exchange.internal": flag({
    summary: "Nobody can publish to a declared exchange, only other exchanges.",
    default: false,
  }),
  "exchange.arguments": table("Arguments of the declaration: a JSON object; typed values as in message.headers.", [
    '{"alternate-exchange":"unrouted"}',
  ]),

  // The message
  "message.body": text({ summary: "Body: text, sent as UTF-8. Without any body, the message has an empty one." }),
  "message.base64Body": custom({ summary: "Body: bytes in base64.", schema: string, parse: parseBase64 }),
  "message.json": custom({
    summary: "Body: JSON text, checked and sent as it is, by default as application/json.",
    schema: string,
    parse: parseJsonText,
    examples: ['{"run":true}'],
  }),
  "message.file": word("Body: path of a file on the executor's machine, sent as it is."),
  messages: custom({
    summary:
      "Bodies: a JSON array of objects with body (text; anything else is sent as JSON) or base64Body, and optionally routing_key, headers, messageId. They are sent one after the other; in_flight says how fast.",
    schema: string,
    parse: parseMessages,
    examples: ['[{"body":"one"},{"body":{"n":2},"routing_key":"reports.eu"}]'],
  }),
  messages_ndjson: custom({
    summary: "Bodies: the objects of messages, one on each line.",
    schema: string,
    parse: parseMessageLines,
    examples: ['{"body":"one"}\n{"body":"two"}'],
  }),
  messages_file: word(
    "Bodies: path of a file with the lines of messages_ndjson. Nothing is sent unless all are right.",
  ),
  "message.content_type": name("MIME type of the body; default: text/plain.", ["application/json"]),
  "message.content_encoding": name("Encoding of the body, such as gzip; the body is sent as it is."),
  "message.headers": table(
    'Headers: a JSON object. Whole numbers are sent as long, others as double; another type is written {"!":"timestamp","value":1769839200}: byte, unsignedbyte, short, unsignedshort, int, unsignedint, long, timestamp, float, double, bytes (base64).',
    ['{"source":"cron","retries":3,"at":{"!":"timestamp","value":1769839200}}'],
  ),
  "message.delivery_mode": integer({
    summary: "2: the broker keeps the message on disk in a durable queue; 1 or 0: it may lose it when it restarts.",
    default: 2,
    minimum: 0,
    maximum: 2,
  }),
  "message.priority": integer({ summary: "Priority, for queues that have some.", minimum: 0, maximum: 255 }),
  "message.correlation_id": name("Correlation id."),
  "message.reply_to": name("Queue for replies."),
  "message.expiration": custom({
    summary: "How long a queue keeps the message: milliseconds, or a duration.",
    schema: string,
    parse: parseExpiration,
    examples: ["60000", "1m30s"],
  }),
  "message.messageId": name("Message id."),
  "message.timestamp": custom({
    summary: "Time of the message: seconds since 1970, or as in RFC 3339.",
    schema: string,
    parse: parseTimestamp,
    examples: ["2026-01-31T06:00:00Z"],
  }),
  "message.type": name("Type of the message, as its application names it."),
  "message.user_id": name("User; the broker takes only the one who is logged in."),
  "message.app_id": name("Application."),
  "message.cc": textList({ summary: "Further routing keys, which consumers see." }),
  "message.bcc": textList({ summary: "Further routing keys, which consumers do not see." }),
  execution_id_header: word(
    "Name of a header that is to carry the execution's id, for consumers that look for repetitions.",
  ),

  // A request that is answered
  rpc: flag({
    summary: "Wait for a reply, over RabbitMQ's direct reply-to: its body is the output.",
    default: false,
  }),

  // Time
  timeout: duration({
    summary:
      "Longest time of the execution: connecting, declaring, publishing, the confirmation, and the reply. 0: no limit.",
    default: defaults.timeoutMs,
    bareUnit: "s",
  }),
  connect_timeout: duration({
    summary: "Longest time to get a connection, login included, over all brokers. 0: no limit.",
    default: defaults.connectTimeoutMs,
    bareUnit: "s",
  }),
  heartbeat: duration({
    summary:
      "How often to ask for a sign of life; default: 10s. Without one for twice that time, the connection is lost. 0: never.",
    bareUnit: "s",
  }),

  // Who we are
  auth: choice({
    summary: "How to log in; external takes the name from the client certificate. Default: plain.",
    values: mechanisms,
  }),
  username: word("User, instead of the URL's."),
  password: word("Password, instead of the URL's.", { secret: true }),
  vhost: word("Virtual host, instead of the URL's."),
  connection_name: text({
    summary: "Name of the connection in the broker's management.",
    default: "executor-host",
    minLength: 1,
  }),
  ...tlsFields,

  debug: debugField,
});

export type Config = ConfigOf<typeof config>;

function shortString(given: string): string {
  if (Buffer.byteLength(given) > 255) throw new FieldError("is longer than 255 bytes");
  return given;
}
