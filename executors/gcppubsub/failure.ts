import { connectFailureCodes, failuresOf, type FailureKind } from "@executor-host/sdk/remote";

/** Every way in which messages can fail to be published: the codes of this executor's results. */
export const failureCodes = {
  // On the way to Pub/Sub
  ...connectFailureCodes,
  CREDENTIALS_INVALID: { retryability: "PERMANENT" },
  CREDENTIALS_UNAVAILABLE: {},
  AUTH_FAILED: { retryability: "PERMANENT" },
  // Before a request
  MESSAGES_INVALID: { retryability: "PERMANENT" },
  MESSAGE_TOO_LARGE: { retryability: "PERMANENT" },
  // What Pub/Sub says
  TOPIC_NOT_FOUND: { retryability: "PERMANENT" },
  PERMISSION_DENIED: { retryability: "PERMANENT" },
  MESSAGE_REFUSED: { retryability: "PERMANENT" },
  QUOTA_EXCEEDED: { retryability: "RETRYABLE" },
  SERVICE_UNAVAILABLE: { retryability: "RETRYABLE" },
  SERVICE_ERROR: {},
  ANSWER_INVALID: {},
  // Time
  TIMEOUT_TOTAL: { outcome: "TIMED_OUT", retryability: "RETRYABLE" },
} as const satisfies Record<string, FailureKind>;

/** A failure of this executor. */
export const fail = failuresOf<keyof typeof failureCodes>(failureCodes);
