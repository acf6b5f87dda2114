import { connectFailureCodes, failuresOf, type FailureKind } from "@executor-host/sdk/remote";

/** Every way in which a call can fail: the codes of this executor's results. */
export const failureCodes = {
  // On the way to the server
  ...connectFailureCodes,
  // Before the call
  REFLECTION_UNAVAILABLE: { retryability: "PERMANENT" },
  REFLECTION_FAILED: {},
  SCHEMA_INVALID: { retryability: "PERMANENT" },
  METHOD_UNKNOWN: { retryability: "PERMANENT" },
  BODY_INVALID: { retryability: "PERMANENT" },
  MESSAGE_TOO_LARGE: { retryability: "PERMANENT" },
  // What came of it
  STATUS_UNEXPECTED: {},
  MESSAGE_MISMATCH: {},
  RESPONSE_MISSING: {},
  RESPONSE_UNDECODABLE: {},
  SERVICE_NOT_SERVING: { retryability: "RETRYABLE" },
  // Time
  TIMEOUT_TOTAL: { outcome: "TIMED_OUT", retryability: "RETRYABLE" },
} as const satisfies Record<string, FailureKind>;

/** A failure of this executor. */
export const fail = failuresOf<keyof typeof failureCodes>(failureCodes);
