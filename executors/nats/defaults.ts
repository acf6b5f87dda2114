/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One execution. Key `timeout`. */
  timeoutMs: 30_000,
  /** Connecting and logging in to one server. Key `connect_timeout`. */
  connectTimeoutMs: 5_000,
  /** Silence after which no more replies are expected. Key `reply_silence`. */
  replySilenceMs: 300,
} as const;

/** Limits that no job can change. */
export const limits = {
  pool: {
    /** How long a connection that nobody uses is kept. */
    idleMs: 60_000,
    /** A connection idle for longer is asked for a sign of life before it is used again. */
    checkAfterMs: 50,
    /** Time for that. */
    checkMs: 2_000,
  },
  /** From one ping to the next, on connections in use; two without an answer end a connection. */
  pingIntervalMs: 10_000,
  /** Asking which stream takes a subject. */
  streamLookupMs: 2_000,
  /** How long the answer counts. */
  streamLookupKeptMs: 30_000,
  /** Subjects whose stream is remembered, for each connection. */
  streamLookups: 1_000,
  /** Attempts to reach a stream that nobody answers for; it may be electing a leader. */
  streamAttempts: 3,
  /** Wait between them. */
  streamPauseMs: 250,
} as const;
