/** Every limit and waiting time of this executor, in one place. A job's config overrides those that have a key. */
export const defaults = {
  /** One execution, from connecting to the last acknowledgement. Key `timeout`. */
  timeoutMs: 30_000,
  /** Getting a connection to a broker, login included; brokers that do not answer are asked again until then. Key `connect_timeout`. */
  connectTimeoutMs: 10_000,
  /** Records of one request and partition; a broker's own limit is 1 MiB unless changed. Key `batch_bytes`. */
  batchBytes: 512 * 1024,
  clientId: "executor-host",
} as const;

/** Limits that no job can change. */
export const limits = {
  /** Records of one request. */
  batchRecords: 10_000,
  /** Records named one by one in the evidence; the output names all. */
  evidenceRecords: 100,
  /** Producers for one cluster and login, each with connections of its own; more executions than that wait. */
  producers: 32,
  /** Of these, how many stay connected when nobody uses them. */
  idleProducers: 8,
  /** How long connections nobody uses are kept; brokers close theirs after ten minutes. */
  idleMs: 60_000,
  /** One request to a broker; it is then sent again, which is harmless with idempotence. */
  requestMs: 30_000,
  /** Nothing heard and nothing sent on a connection that an execution uses: it is taken for lost. */
  silenceMs: 10_000,
  /** Login to one broker. */
  authenticationMs: 10_000,
  /** First and longest wait before a request is sent again. */
  retryMs: 50,
  maxRetryMs: 1_000,
  /** Telling a broker that a transaction is given up. */
  abortTransactionMs: 5_000,
  /** A transaction that nobody ends is given up by the cluster after this. */
  transactionMs: 60_000,
  /** Silence on a connection after which TCP asks whether the other side is still there. */
  tcpKeepAliveMs: 30_000,
  /** Getting a token. */
  tokenMs: 10_000,
  /** Largest answer of a token server. */
  tokenBytes: 64 * 1024,
  /** A token is renewed this long before it expires. */
  tokenMarginMs: 30_000,
  /** Lifetime of a token whose server names none. */
  tokenLifetimeMs: 300_000,
} as const;
