import {
  array,
  byteSize,
  choice,
  custom,
  defineConfig,
  duration,
  flag,
  integer,
  json,
  object,
  text,
  type ConfigOf,
} from "@executor-host/sdk";

import { parseAddress, parseAddresses } from "./connection/lookup.ts";
import { parseProxy } from "./connection/proxy.ts";
import { defaults, limits } from "./defaults.ts";
import { parseHeaderExpectations, parseJsonExpectations } from "./expect/parse.ts";
import { parsePattern } from "./expect/pattern.ts";
import { parseStatusSet, successStatuses } from "./expect/status-set.ts";
import { pollShape } from "./poll/shape.ts";
import { parseBase64, parseJsonText } from "./request/body-text.ts";
import { parseHeaders } from "./request/headers.ts";
import { parseMethod, parseParameters, parseTarget } from "./request/target.ts";
import { defaultRetryStatuses } from "./retry/statuses.ts";

const string = { type: "string" } as const;

/** Text that makes no sense when empty: an empty string means "not set". */
function word(summary: string, more: { secret?: true; examples?: string[] } = {}) {
  return custom<string>({ summary, schema: string, parse: (given) => given, ...more });
}

/** The keys of Dkron's http executor, spelled as there, and ours. Durations of zero or less mean no limit, as in Dkron. */
export const config = defineConfig({
  // What to send
  method: custom({
    summary: "Request method.",
    required: true,
    schema: string,
    parse: parseMethod,
    examples: ["GET", "POST"],
  }),
  url: custom({
    summary:
      "Where to send the request: an absolute http or https URL. User and password in it are sent as basic authentication.",
    required: true,
    schema: { type: "string", format: "uri" },
    parse: parseTarget,
    examples: ["https://api.example.test/run"],
  }),
  query: custom({
    summary: "Parameters to add to the URL: a JSON object of values or lists of values, or a=1&b=2.",
    schema: string,
    parse: parseParameters,
    examples: ['{"since":"1h","tag":["a","b"]}'],
  }),
  headers: custom({
    summary: 'Request headers: a JSON array of "Name: value" strings, or a JSON object of strings or lists of strings.',
    secret: true,
    schema: string,
    parse: parseHeaders,
    examples: ['["Content-Type: application/json","X-Trace: cron"]'],
  }),
  body: text({ summary: "Request body: text, sent as UTF-8 with any method." }),
  body_base64: custom({ summary: "Request body: bytes in base64.", schema: string, parse: parseBase64 }),
  body_file: word("Request body: path of a file on the executor's machine, streamed."),
  json: custom({
    summary: "Request body: JSON text, sent as it is with Content-Type application/json.",
    schema: string,
    parse: parseJsonText,
    examples: ['{"ok":true}'],
  }),
  form: custom({
    summary: "Request body: a form, URL-encoded; written like query.",
    schema: string,
    parse: parseParameters,
    examples: ['{"user":"ann","role":["a","b"]}'],
  }),
  multipart: json({
    summary: "Request body: a form with parts. Each part has a name, and a value or a file to send.",
    shape: array(
      object({
        name: text({ summary: "Name of the field.", required: true }),
        value: text({ summary: "Text to send." }),
        file: text({ summary: "Path of a file to send, streamed.", minLength: 1 }),
        filename: text({ summary: "File name to tell; default: that of file." }),
        content_type: text({ summary: "Content-Type of the part." }),
      }),
    ),
    examples: ['[{"name":"note","value":"nightly"},{"name":"log","file":"/var/log/app.log"}]'],
  }),
  idempotency_key: flag({
    summary: "Send an Idempotency-Key header with the execution's id, and allow any method to be tried again.",
    default: false,
  }),

  // What counts as success
  expectCode: custom({
    summary: "Status codes that mean success: codes, ranges and classes; any accepts whatever comes.",
    default: successStatuses,
    schema: { type: "string", default: successStatuses.text },
    parse: parseStatusSet,
    examples: ["200,204", "200-299,304", "2xx", "any"],
  }),
  expectBody: custom({
    summary: "Regular expression in Go's syntax that must match somewhere in the body.",
    schema: { type: "string", format: "regex" },
    parse: parsePattern,
    examples: ['"status":\\s*"up"'],
  }),
  expectHeader: custom({
    summary: "Response headers that must match: a JSON object of regular expressions by name.",
    schema: string,
    parse: parseHeaderExpectations,
    examples: ['{"Content-Type":"^application/json"}'],
  }),
  expectJson: custom({
    summary: "Places in a JSON body and the values they must have: a JSON object of values by path.",
    schema: string,
    parse: parseJsonExpectations,
    examples: ['{"status":"up","checks[0].ok":true}'],
  }),

  // Time
  timeout: duration({
    summary: "Longest time of one attempt, redirects and body included; a plain number counts seconds.",
    default: defaults.timeoutMs,
    bareUnit: "s",
    minimumMs: Number.NEGATIVE_INFINITY,
    examples: ["10", "1m30s"],
  }),
  connect_timeout: duration({
    summary: "Longest time to get a connection: name lookup, TCP, proxy and TLS together.",
    default: defaults.connectTimeoutMs,
    bareUnit: "s",
  }),
  headers_timeout: duration({ summary: "Longest wait for the head of the response.", bareUnit: "s" }),
  idle_timeout: duration({ summary: "Longest silence within the body of the response.", bareUnit: "s" }),

  // The response
  max_body_bytes: byteSize({
    summary: "Body bytes passed on and looked at, after decompression.",
    default: defaults.maxBodyBytes,
    minimum: 0,
    examples: ["64KB"],
  }),
  body_overflow: choice({
    summary: "A longer body is cut there, and the rest counted; or it fails the execution.",
    values: ["truncate", "fail"] as const,
    default: "truncate",
  }),
  redirects: choice({
    summary: "Which redirects to follow: none, those of GET and HEAD, or all.",
    values: ["off", "safe", "all"] as const,
    default: "all",
  }),
  max_redirects: integer({
    summary: "Redirects to follow before giving up.",
    default: defaults.maxRedirects,
    minimum: 0,
    maximum: limits.maxRedirects,
  }),
  debug: custom({
    summary:
      "Write requests and responses, without secrets, to stderr. Any text but a spelling of false switches it on.",
    default: false,
    schema: string,
    parse: (given) => !/^(0|f|false)$/i.test(given.trim()),
  }),

  // Who we are
  auth: choice({
    summary: "How to authenticate.",
    values: ["basic", "bearer", "digest", "oauth2"] as const,
  }),
  username: text({ summary: "User, for basic and digest." }),
  password: text({ summary: "Password, for basic and digest.", secret: true }),
  token: word("Token, for bearer.", { secret: true }),
  oauth2_token_url: custom({
    summary: "Where to get a token with client credentials, for oauth2.",
    schema: { type: "string", format: "uri" },
    parse: parseTarget,
  }),
  oauth2_client_id: word("Client id, for oauth2."),
  oauth2_client_secret: word("Client secret, for oauth2.", { secret: true }),
  oauth2_scope: word("Scopes to ask for, separated by spaces."),
  oauth2_audience: word("Audience to ask for."),
  oauth2_client_auth: choice({
    summary: "Send client id and secret to the token server as basic authentication, or in the body.",
    values: ["header", "body"] as const,
    default: "header",
  }),

  // TLS
  tlsNoVerifyPeer: flag({ summary: "Take any certificate of the server. Insecure.", default: false }),
  tlsRootCAsFile: word("PEM file with the authorities to trust."),
  tls_ca: word("The same as PEM text."),
  tls_ca_mode: choice({
    summary: "The given authorities replace those of the system, or extend them.",
    values: ["replace", "extend"] as const,
    default: "replace",
  }),
  tlsCertificateFile: word("PEM file with the client certificate."),
  tls_certificate: word("The same as PEM text."),
  tlsCertificateKeyFile: word("PEM file with the key of the client certificate."),
  tls_certificate_key: word("The same as PEM text.", { secret: true }),
  tls_key_passphrase: word("Opens an encrypted key.", { secret: true }),
  tls_server_name: word("Name to ask the server for and to check its certificate against, instead of the URL's host."),
  tls_min_version: choice({
    summary: "Oldest TLS version to accept.",
    values: ["1.2", "1.3"] as const,
    default: "1.2",
  }),

  // The way there
  http_version: choice({
    summary: "Speak HTTP/1.1; or HTTP/2 if the server offers it over TLS (auto); or HTTP/2 and nothing else.",
    values: ["1.1", "auto", "2"] as const,
    default: "1.1",
  }),
  proxy: custom({
    summary:
      "Proxy to use: an http, https or socks5 URL; environment takes it from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
    secret: true,
    schema: string,
    parse: parseProxy,
  }),
  keep_alive: flag({
    summary: "Use connections that earlier executions left open, and leave them open for later ones.",
    default: true,
  }),
  resolve: custom({
    summary: "Addresses to use for host names, instead of looking them up: a JSON object of IP addresses by name.",
    default: {},
    schema: string,
    parse: parseAddresses,
    examples: ['{"api.example.test":"10.0.0.7"}'],
  }),
  local_address: custom({ summary: "Address of this machine to connect from.", schema: string, parse: parseAddress }),
  unix_socket: word("Path of a unix socket to connect to, instead of the URL's host and port."),

  // Long work
  poll: json({
    summary: "When the server answers 202, ask it until the work is done; that response is then the answer.",
    shape: pollShape,
    examples: ['{"interval":"10s","until":{"state":"done"},"failed":{"state":"error"},"cancel_method":"DELETE"}'],
  }),

  // Trying again
  retry_attempts: integer({
    summary:
      "Attempts within one execution, the first included. A request that may have arrived is repeated only if its method is idempotent or idempotency_key is set.",
    default: defaults.attempts,
    minimum: 1,
    maximum: limits.maxAttempts,
  }),
  retry_backoff: duration({
    summary:
      "Wait before the second attempt; doubles with each, with jitter. A Retry-After of the server counts if it is longer.",
    default: defaults.backoffMs,
    bareUnit: "s",
  }),
  retry_max_backoff: duration({
    summary: "Longest wait between attempts; if the server asks for a longer one, there is no further attempt.",
    default: defaults.maxBackoffMs,
    bareUnit: "s",
  }),
  retry_statuses: custom({
    summary: "Status codes worth another attempt, written like expectCode.",
    default: defaultRetryStatuses,
    schema: { type: "string", default: defaultRetryStatuses.text },
    parse: parseStatusSet,
  }),
});

export type Config = ConfigOf<typeof config>;
