/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One execution; Dkron's default. Key `timeout`. */
  timeoutMs: 30_000,
  /** Name lookup, TCP and TLS. Key `connect_timeout`. */
  connectTimeoutMs: 10_000,
  /** Largest response message. Key `max_receive_bytes`. */
  maxReceiveBytes: 64 * 1024 * 1024,
  /** Time for the answer to a keepalive ping. Key `keepalive_timeout`. */
  keepaliveTimeoutMs: 20_000,
  /** Wait before the second attempt. Key `retry_backoff`. */
  retryBackoffMs: 1_000,
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
  /** How long what a server says of its services counts. */
  schemaKeptMs: 30_000,
  /** Services remembered, for each connection. */
  schemas: 100,
  /** Files of one service; more than any real one has. */
  schemaFiles: 5_000,
  /** A call that its server cancels so shortly before the deadline was ended by the deadline: it is told in milliseconds, and clocks differ. */
  deadlineSlackMs: 50,
  /** Attempts of one call, as gRPC itself limits them. */
  maxAttempts: 5,
  /** Longest wait between attempts. */
  maxRetryBackoffMs: 30_000,
} as const;
