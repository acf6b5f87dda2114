import type { Report } from "@executor-host/sdk";

type Kind = Pick<Report, "retryability"> & { readonly outcome?: "TIMED_OUT" };

const retryable: Kind = { retryability: "RETRYABLE" };
const permanent: Kind = { retryability: "PERMANENT" };
const unknown: Kind = {};
const timedOut: Kind = { outcome: "TIMED_OUT", retryability: "RETRYABLE" };

/** Every way in which a request can fail: the codes of this executor's results. */
export const failureCodes = {
  // On the way to the target
  DNS_NOT_FOUND: unknown,
  DNS_UNAVAILABLE: retryable,
  CONNECTION_REFUSED: retryable,
  CONNECTION_DENIED: permanent,
  TARGET_UNREACHABLE: retryable,
  PROXY_FAILED: retryable,
  PROXY_DENIED: permanent,
  TLS_FAILED: permanent,
  TLS_MATERIAL_INVALID: permanent,
  HTTP2_NOT_OFFERED: permanent,
  FILE_UNREADABLE: permanent,
  AUTH_FAILED: permanent,
  TOKEN_UNAVAILABLE: retryable,
  // Between request and response
  REQUEST_INVALID: permanent,
  CONNECTION_RESET: retryable,
  RESPONSE_MALFORMED: unknown,
  TOO_MANY_REDIRECTS: permanent,
  REDIRECT_INVALID: permanent,
  // In the response
  STATUS_UNEXPECTED: unknown,
  HEADER_MISMATCH: unknown,
  BODY_MISMATCH: unknown,
  BODY_INCOMPLETE: retryable,
  BODY_UNDECODABLE: unknown,
  BODY_TOO_LARGE: permanent,
  PATTERN_TOO_SLOW: permanent,
  // In work that a server has accepted
  POLL_IMPOSSIBLE: permanent,
  WORK_FAILED: unknown,
  // Time
  TIMEOUT_CONNECT: timedOut,
  TIMEOUT_HEADERS: timedOut,
  TIMEOUT_BODY: timedOut,
  TIMEOUT_TOTAL: timedOut,
  TIMEOUT_POLL: { outcome: "TIMED_OUT" },
} as const satisfies Record<string, Kind>;

export type FailureCode = keyof typeof failureCodes;

export interface FailureOptions {
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Overrides the table's answer. */
  readonly retryability?: Report["retryability"];
  /** Earliest sensible time of a retry, in milliseconds from now, when the target asked for one. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Why a request, or what came back, is not a success.
 *
 * Never leaves this executor: it becomes the fields of a report. The message holds no secret.
 */
export class RequestFailure extends Error {
  override readonly name = "RequestFailure";
  readonly code: FailureCode;
  readonly hint: string | undefined;
  readonly outcome: "FAILED" | "TIMED_OUT";
  readonly retryability: Report["retryability"];
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const kind: Kind = failureCodes[code];
    this.code = code;
    this.hint = options.hint;
    this.outcome = kind.outcome ?? "FAILED";
    this.retryability = options.retryability ?? kind.retryability;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
