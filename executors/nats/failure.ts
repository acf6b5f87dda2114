import { connectFailureCodes, failuresOf, type FailureKind } from "@executor-host/sdk/remote";

/** Every way in which a message can fail to be delivered: the codes of this executor's results. */
export const failureCodes = {
  // On the way to the server
  ...connectFailureCodes,
  PROTOCOL_ERROR: {},
  TLS_NOT_OFFERED: { retryability: "PERMANENT" },
  CREDENTIALS_INVALID: { retryability: "PERMANENT" },
  AUTH_FAILED: { retryability: "PERMANENT" },
  // What the server says of the message
  PERMISSION_DENIED: { retryability: "PERMANENT" },
  PAYLOAD_TOO_LARGE: { retryability: "PERMANENT" },
  HEADERS_NOT_SUPPORTED: { retryability: "PERMANENT" },
  // What a stream says of it
  NO_STREAM: {},
  JETSTREAM_DISABLED: { retryability: "PERMANENT" },
  EXPECTATION_FAILED: { retryability: "PERMANENT" },
  STREAM_REFUSED: {},
  ACK_INVALID: {},
  // Request and reply
  NO_RESPONDERS: { retryability: "RETRYABLE" },
  SERVICE_ERROR: {},
  // Time
  TIMEOUT_TOTAL: { outcome: "TIMED_OUT", retryability: "RETRYABLE" },
} as const satisfies Record<string, FailureKind>;

/** A failure of this executor. */
export const fail = failuresOf<keyof typeof failureCodes>(failureCodes);
