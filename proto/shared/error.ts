import { status } from "@grpc/grpc-js";

/**
 * Every way in which this software says no, in one table.
 *
 * `status` is the gRPC status code a caller sees; `retryable` says whether the same call may work later without a change.
 * Codes are stable: they never change their meaning, and callers match on them.
 */
export const errorCodes = {
  // What a caller asked for
  SPEC_INVALID: { status: status.INVALID_ARGUMENT, retryable: false },
  CONFIG_INVALID: { status: status.INVALID_ARGUMENT, retryable: false },
  REQUEST_TOO_LARGE: { status: status.INVALID_ARGUMENT, retryable: false },
  EXECUTOR_NOT_FOUND: { status: status.NOT_FOUND, retryable: false },
  EXECUTION_NOT_FOUND: { status: status.NOT_FOUND, retryable: false },
  EXECUTION_ID_CONFLICT: { status: status.ALREADY_EXISTS, retryable: false },
  EXECUTION_OVER: { status: status.FAILED_PRECONDITION, retryable: false },
  NOT_SUPPORTED: { status: status.UNIMPLEMENTED, retryable: false },
  // What the host can give now
  QUEUE_FULL: { status: status.RESOURCE_EXHAUSTED, retryable: true },
  HOST_DRAINING: { status: status.UNAVAILABLE, retryable: true },
  EXECUTOR_UNUSABLE: { status: status.FAILED_PRECONDITION, retryable: false },
  JOURNAL_FAILED: { status: status.UNAVAILABLE, retryable: true },
  DEADLINE_EXCEEDED: { status: status.DEADLINE_EXCEEDED, retryable: true },
  INTERNAL: { status: status.INTERNAL, retryable: false },
  // Starting a host, or reaching one
  SETTINGS_INVALID: { status: status.INVALID_ARGUMENT, retryable: false },
  LISTEN_REFUSED: { status: status.FAILED_PRECONDITION, retryable: false },
  LISTEN_FAILED: { status: status.UNAVAILABLE, retryable: true },
  STATE_LOCKED: { status: status.FAILED_PRECONDITION, retryable: true },
  HOST_UNREACHABLE: { status: status.UNAVAILABLE, retryable: true },
  // Launching a plugin and talking to it
  PLUGIN_OPTIONS_INVALID: { status: status.INVALID_ARGUMENT, retryable: false },
  PLUGIN_SPAWN_FAILED: { status: status.FAILED_PRECONDITION, retryable: false },
  PLUGIN_CHECKSUM_MISMATCH: { status: status.FAILED_PRECONDITION, retryable: false },
  HANDSHAKE_MISSING: { status: status.FAILED_PRECONDITION, retryable: false },
  HANDSHAKE_MALFORMED: { status: status.FAILED_PRECONDITION, retryable: false },
  HANDSHAKE_TIMEOUT: { status: status.DEADLINE_EXCEEDED, retryable: true },
  CORE_VERSION_MISMATCH: { status: status.FAILED_PRECONDITION, retryable: false },
  APP_VERSION_MISMATCH: { status: status.FAILED_PRECONDITION, retryable: false },
  ADDRESS_INVALID: { status: status.FAILED_PRECONDITION, retryable: false },
  PROTOCOL_UNSUPPORTED: { status: status.FAILED_PRECONDITION, retryable: false },
  CERTIFICATE_INVALID: { status: status.FAILED_PRECONDITION, retryable: false },
  MULTIPLEX_UNSUPPORTED: { status: status.FAILED_PRECONDITION, retryable: false },
  CONNECT_FAILED: { status: status.UNAVAILABLE, retryable: true },
  PROTOCOL_VIOLATION: { status: status.INTERNAL, retryable: false },
  PLUGIN_GONE: { status: status.NOT_FOUND, retryable: false },
  PLUGIN_EXITED: { status: status.UNAVAILABLE, retryable: true },
  BROKER_TIMEOUT: { status: status.DEADLINE_EXCEEDED, retryable: true },
  BROKER_CLOSED: { status: status.UNAVAILABLE, retryable: true },
  NOT_LAUNCHED_AS_PLUGIN: { status: status.FAILED_PRECONDITION, retryable: false },
} as const satisfies Record<string, { status: status; retryable: boolean }>;

/** A code of the table above. */
export type ErrorCode = keyof typeof errorCodes;

/** One thing wrong with one field of what a caller sent. */
export interface Violation {
  /** `timeout`, `retry.maxAttempts`, `headers[2]`. */
  readonly field: string;
  /** What is wrong; names the value unless it is a secret. */
  readonly message: string;
  /** What would be right; may be empty. */
  readonly hint: string;
}

export interface HostErrorOptions {
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Overrides the table's answer. */
  readonly retryable?: boolean | undefined;
  /** Earliest sensible time of a retry, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  readonly violations?: readonly Violation[] | undefined;
}

/**
 * The one error type: what is thrown, logged and sent over the wire.
 *
 * Match on `code`, never on the message: two copies of this class may be loaded, and messages change.
 */
export class HostError extends Error {
  override readonly name = "HostError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly violations: readonly Violation[];

  /** @param message what is wrong, current value after a colon, no final full stop, no secret */
  constructor(code: ErrorCode, message: string, options: HostErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? "";
    this.retryable = options.retryable ?? errorCodes[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.violations = options.violations ?? [];
  }
}

/** True for errors of this class, also from another copy of it. */
export function isHostError(error: unknown): error is HostError {
  return error instanceof Error && error.name === "HostError" && "code" in error;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
