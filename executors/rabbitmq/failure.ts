import { connectFailureCodes, failuresOf, type RemoteFailure } from "@executor-host/sdk/remote";

const retryable = { retryability: "RETRYABLE" } as const;
const permanent = { retryability: "PERMANENT" } as const;

/** Every way in which publishing can fail: the codes of this executor's results. */
export const failureCodes = {
  // On the way to the broker
  ...connectFailureCodes,
  AUTH_FAILED: permanent,
  VHOST_REFUSED: permanent,
  // The broker's answer to a request
  NOT_ALLOWED: permanent,
  EXCHANGE_NOT_FOUND: permanent,
  QUEUE_NOT_FOUND: permanent,
  QUEUE_LOCKED: retryable,
  DECLARATION_CONFLICT: permanent,
  REQUEST_REFUSED: {},
  // The broker's answer to a message
  UNROUTABLE: permanent,
  NACKED: retryable,
  MESSAGE_TOO_LARGE: permanent,
  MESSAGE_REFUSED: permanent,
  MESSAGES_INVALID: permanent,
  // Time
  BROKER_BLOCKED: { outcome: "TIMED_OUT", ...retryable },
  TIMEOUT_REPLY: { outcome: "TIMED_OUT" },
  TIMEOUT_TOTAL: { outcome: "TIMED_OUT", ...retryable },
} as const;

export type FailureCode = keyof typeof failureCodes;

export const failure = failuresOf<FailureCode>(failureCodes);

/** What was asked for when the broker said no; the same number means different things. */
export type Request = "exchange" | "queue" | "bind" | "publish" | "consume";

/** A broker's no: a number of AMQP, and the words that go with it. */
interface Refusal {
  readonly code: number;
  readonly text: string;
}

/** What the numbers mean. Source: AMQP 0-9-1, section 1.2; RabbitMQ's documentation of channels. */
function codeOf({ code, text }: Refusal, request: Request): FailureCode {
  if (code === 403) return "NOT_ALLOWED";
  if (code === 404) return /no queue/i.test(text) ? "QUEUE_NOT_FOUND" : "EXCHANGE_NOT_FOUND";
  if (code === 405) return "QUEUE_LOCKED";
  if (request === "publish") return /message size/i.test(text) ? "MESSAGE_TOO_LARGE" : "MESSAGE_REFUSED";
  return code === 406 && request !== "bind" ? "DECLARATION_CONFLICT" : "REQUEST_REFUSED";
}

const hints: Partial<Record<FailureCode, string>> = {
  EXCHANGE_NOT_FOUND: "declare it, or set exchange.create=true",
  QUEUE_NOT_FOUND: "declare it, or set queue.create=true",
  DECLARATION_CONFLICT: "it exists with other properties or arguments; declare it with the same ones",
  QUEUE_LOCKED: "it is exclusive to another connection",
};

/** The failure that a broker's no means; undefined when the error is none. */
export function refusal(error: unknown, request: Request): RemoteFailure | undefined {
  const found = refusalOf(error);
  if (found === undefined) return undefined;
  const code = codeOf(found, request);
  return failure(code, `the broker refuses: ${found.text} (${found.code})`, { hint: hints[code], cause: error });
}

/** The number and the words in an error of the client library; undefined when the broker has not closed anything. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, inMessage, text] = /\b(\d{3}) \([A-Z-]+\) with message "([^]*)"/.exec(error.message) ?? [];
  if (inMessage === undefined) return undefined;
  return { code: Number(inMessage), text: shorten(text ?? "") };
}

/** `NOT_FOUND - no queue 'a' in vhost '/'`: the first part says again what the number says. */
function shorten(text: string): string {
  return text.replace(/^[A-Z_]+ - /, "").replaceAll("\n", " ");
}
