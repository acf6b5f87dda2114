/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One execution; Dkron's fixed limit. Key `timeout`. */
  timeoutMs: 15_000,
  /** Attempts of one request. Key `retry_attempts`. */
  attempts: 5,
  /** Wait before the second attempt; doubles from there. Key `retry_backoff`. */
  backoffMs: 100,
} as const;

/** Limits that no job can change. */
export const limits = {
  pool: {
    /** How long a connection that nobody uses is kept. */
    idleMs: 60_000,
    /** A connection idle for longer is asked for a sign of life before it is used again: gRPC finds out what was closed, not what is silent. */
    checkAfterMs: 5_000,
    /** Time for that. */
    checkMs: 2_000,
  },
  /** Messages in one request, and the bytes of one message; Pub/Sub's own limits. */
  requestMessages: 1_000,
  messageBytes: 10_000_000,
  /** Bytes of messages that are put together: what a gRPC server takes by default, as emulators are. */
  requestBytes: 4_000_000,
  /** What a message takes beside its content. */
  messageOverheadBytes: 64,
  /** Attributes of one message, and the bytes of their keys and values; Pub/Sub's own limits. */
  attributes: 100,
  attributeKeyBytes: 256,
  attributeValueBytes: 1_024,
  orderingKeyBytes: 1_024,
  /** Longest wait between attempts. */
  maxBackoffMs: 10_000,
  /** Ids in the evidence; the output has them all. */
  evidenceIds: 1_000,
} as const;
