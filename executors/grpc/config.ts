import {
  byteSize,
  choice,
  custom,
  defineConfig,
  duration,
  flag,
  integer,
  text,
  textList,
  type ConfigOf,
} from "@executor-host/sdk";
import { debugField, parseBase64, tlsFields, word } from "@executor-host/sdk/remote";

import { parseExpectation } from "./call/expectation.ts";
import { parseCodeNames, parseCodes, success } from "./call/status.ts";
import { defaults, limits } from "./defaults.ts";
import { parseMetadata } from "./request/metadata.ts";
import { parseMethod, parseTarget } from "./request/target.ts";

const string = { type: "string" } as const;

/** The keys of Dkron's grpc executor, spelled as there, and ours. */
export const config = defineConfig({
  // What to call
  url: custom({
    summary:
      "What to call: HOST:PORT/package.Service/Method. https:// or grpcs:// before it means TLS, http:// or grpc:// none; unix:/PATH is a socket.",
    required: true,
    schema: string,
    parse: parseTarget,
    examples: ["search.example.test:9000/search.v1.Index/Rebuild"],
  }),
  method: custom({
    summary: "Method to call, where url does not name it: package.Service/Method.",
    schema: string,
    parse: parseMethod,
    examples: ["search.v1.Index/Rebuild"],
  }),
  health: flag({
    summary: "Ask the server's health service instead of calling a method; success means SERVING.",
    default: false,
  }),
  health_service: word("Service to ask about; by default the server as a whole."),

  // What to send
  body: text({
    summary:
      "Request message as JSON; empty means an empty message. For methods that take a stream: one JSON value after the other, on lines or not.",
    examples: ['{"full":true}'],
  }),
  body_file: word("The same as the path of a file on the executor's machine."),
  headers: custom({
    summary:
      'Metadata: a JSON array of "Name: value" strings, or a JSON object of strings or lists of strings. Values of names that end in -bin are bytes in base64. Sent with reflection, too.',
    secret: true,
    schema: string,
    parse: parseMetadata,
    examples: ['["x-tenant: acme"]'],
  }),
  token: word("Bearer token, sent as authorization.", { secret: true }),

  // What counts as success
  expectCode: custom({
    summary: "Status codes that mean success, by number or name; any takes whatever comes.",
    default: success,
    schema: { type: "string", default: success.text },
    parse: parseCodes,
    examples: ["0", "OK,ALREADY_EXISTS"],
  }),
  expect_message: custom({
    summary:
      "What the last response must contain: a JSON object. Objects in it may hold more; everything else must be equal.",
    schema: string,
    parse: parseExpectation,
    examples: ['{"state":"DONE"}'],
  }),

  // What is written
  output_defaults: flag({
    summary: "Write fields that have no presence even if they have their default values.",
    default: false,
  }),
  output_proto_names: flag({
    summary: "Write field names as in the .proto file instead of lowerCamelCase.",
    default: false,
  }),

  // What messages are made of
  descriptor_set: custom({
    summary:
      "FileDescriptorSet (protoc --descriptor_set_out --include_imports, buf build -o) in base64, instead of reflection.",
    schema: string,
    parse: parseBase64,
  }),
  descriptor_set_file: word("The same as the path of a file."),
  proto_files: textList({
    summary: "Paths of .proto files, instead of reflection.",
    examples: ["search/v1/index.proto"],
  }),
  proto_paths: textList({ summary: "Directories in which proto_files and their imports are looked for.", default: [] }),

  // Time
  timeout: duration({
    summary:
      "Longest time of one execution, connecting included, told to the server as its deadline; 0 means no limit.",
    default: defaults.timeoutMs,
    bareUnit: "s",
    examples: ["60", "1m30s"],
  }),
  connect_timeout: duration({
    summary: "Longest time to get a connection: name lookup, TCP and TLS.",
    default: defaults.connectTimeoutMs,
    minimumMs: 1,
    bareUnit: "s",
  }),

  // Trying again
  retry_attempts: integer({
    summary: "Attempts of the call, the first included, as long as no response has come.",
    default: 1,
    minimum: 1,
    maximum: limits.maxAttempts,
  }),
  retry_codes: custom({
    summary: "Status codes worth another attempt, by number or name.",
    default: ["UNAVAILABLE"],
    schema: { type: "string", default: "UNAVAILABLE" },
    parse: parseCodeNames,
  }),
  retry_backoff: duration({
    summary: "Wait before the second attempt; doubles with each, with jitter.",
    default: defaults.retryBackoffMs,
    minimumMs: 1,
    bareUnit: "s",
  }),

  // TLS
  tls: flag({ summary: "Speak TLS; by default if url or another key of TLS says so." }),
  ...tlsFields,

  // The way there
  authority: word("Value of :authority, by which proxies route; default: host and port of url."),
  max_receive_bytes: byteSize({
    summary: "Largest response message.",
    default: defaults.maxReceiveBytes,
    examples: ["4MB"],
  }),
  max_send_bytes: byteSize({ summary: "Largest request message; by default no limit of ours.", examples: ["4MB"] }),
  compression: choice({
    summary: "How to compress request messages.",
    values: ["identity", "gzip"] as const,
    default: "identity",
  }),
  keepalive_time: duration({
    summary:
      "Ask a silent server for a sign of life this often; by default never. Servers refuse what they find too often.",
    minimumMs: 1_000,
    bareUnit: "s",
  }),
  keepalive_timeout: duration({
    summary: "Time for that sign of life.",
    default: defaults.keepaliveTimeoutMs,
    minimumMs: 1,
    bareUnit: "s",
  }),
  debug: debugField,
});

export type Config = ConfigOf<typeof config>;
