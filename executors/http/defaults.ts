/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One attempt, with redirects and the whole body; Dkron's default. Key `timeout`. */
  timeoutMs: 30_000,
  /** Name lookup, TCP, proxy and TLS together. Key `connect_timeout`. */
  connectTimeoutMs: 10_000,
  /** Redirects followed before giving up; Dkron's limit. Key `max_redirects`. */
  maxRedirects: 10,
  /** Attempts of one execution. Key `retry_attempts`. */
  attempts: 1,
  /** Wait before the second attempt; doubles from there. Key `retry_backoff`. */
  backoffMs: 1_000,
  /** Longest wait between attempts. Key `retry_max_backoff`. */
  maxBackoffMs: 30_000,
  /** Body bytes passed on and looked at. Key `max_body_bytes`. */
  maxBodyBytes: 16 * 1024 * 1024,
  /** Time between two questions in `poll`. */
  pollIntervalMs: 5_000,
} as const;

/** Limits that no job can change. */
export const limits = {
  /** Attempts and redirects a job may ask for. */
  maxAttempts: 100,
  maxRedirects: 100,
  /** Idle connections kept open, over all targets; the longest idle one goes first. */
  idleConnections: 50,
  /**
   * How long an idle connection is kept without a hint from the server. Short on purpose: a request sent into a connection that the
   * server is just closing fails without saying whether it was received.
   */
  keepAliveMs: 4_000,
  /** Longest keep-alive a server's hint can ask for. */
  maxKeepAliveMs: 60_000,
  /** Silence on a connection after which TCP asks whether the other side is still there. */
  tcpKeepAliveMs: 60_000,
  /** Requests at once on one HTTP/2 connection. */
  streamsPerConnection: 100,
  /** Prepared TLS settings kept. */
  secureContexts: 50,
  /** How often one request answers a server that asks who we are. */
  authAnswers: 3,
  /** Tokens kept. */
  tokens: 200,
  /** Lifetime of a token whose server names none. */
  tokenLifetimeMs: 300_000,
  /** A token is renewed this long before it expires. */
  tokenMarginMs: 10_000,
  /** Getting one token. */
  tokenTimeoutMs: 30_000,
  /** Largest answer of a token server. */
  tokenBytes: 64 * 1024,
  /** Bytes read from a body nobody wants, to keep its connection; a longer one closes the connection. */
  discardBytes: 64 * 1024,
  /** Time for that. */
  discardMs: 1_000,
  /** Largest head of a response. */
  responseHeadBytes: 128 * 1024,
  /** Matching one pattern against a body. */
  patternMs: 2_000,
  /** How often in a row asking about accepted work may go wrong. */
  pollFailures: 5,
  /** Telling a polled server to cancel, when nothing names a grace time. */
  cancelRequestMs: 5_000,
} as const;
