/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One execution, from connecting to the last confirmation or the reply. Key `timeout`. */
  timeoutMs: 30_000,
  /** Getting a connection, login included, over all `url`s. Key `connect_timeout`. */
  connectTimeoutMs: 10_000,
  /** A connection on which nothing is heard for twice this time is lost. Key `heartbeat`. */
  heartbeatMs: 10_000,
} as const;

/** Limits that no job can change. */
export const limits = {
  /** How long a connection that nobody uses is kept. */
  idleMs: 60_000,
  /** A connection idle for longer is asked for a sign of life before it is used again. */
  checkAfterMs: 5_000,
  /** Time for that. */
  checkMs: 2_000,
  /** Messages without a confirmation. Key `in_flight`. */
  inFlight: 10_000,
  /** Channels of one connection that are kept open when nobody uses them. */
  idleChannels: 32,
  /** Time for a goodbye to the broker. */
  closeMs: 1_000,
} as const;
