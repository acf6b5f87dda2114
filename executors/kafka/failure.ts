import { connectFailureCodes, failuresOf, RemoteFailure } from "@executor-host/sdk/remote";

const retryable = { retryability: "RETRYABLE" } as const;
const permanent = { retryability: "PERMANENT" } as const;

/** Every way in which publishing can fail: the codes of this executor's results. */
export const failureCodes = {
  // On the way to the cluster
  ...connectFailureCodes,
  AUTH_FAILED: permanent,
  TOKEN_UNAVAILABLE: retryable,
  // The records
  RECORDS_INVALID: permanent,
  RECORD_TOO_LARGE: permanent,
  RECORD_REFUSED: permanent,
  // The topic
  TOPIC_NOT_FOUND: permanent,
  TOPIC_INVALID: permanent,
  TOPIC_NOT_CREATED: permanent,
  PARTITION_NOT_FOUND: permanent,
  NOT_ALLOWED: permanent,
  NOT_ENOUGH_REPLICAS: retryable,
  NO_LEADER: retryable,
  // The cluster
  TRANSACTION_FENCED: retryable,
  BROKER_REFUSED: {},
  NOT_ACKNOWLEDGED: {},
  // Time
  TIMEOUT_TOTAL: { outcome: "TIMED_OUT", ...retryable },
} as const;

export type FailureCode = keyof typeof failureCodes;

export const failure = failuresOf<FailureCode>(failureCodes);

/** What an error of the protocol means. Source: Kafka protocol guide, error codes. */
const protocolErrors: Readonly<Record<string, readonly [code: FailureCode, reason: string, hint?: string]>> = {
  UNKNOWN_TOPIC_OR_PARTITION: ["TOPIC_NOT_FOUND", "no such topic", "create it, or set create_topic=true"],
  INVALID_TOPIC_EXCEPTION: ["TOPIC_INVALID", "the cluster does not take this name for a topic"],
  TOPIC_AUTHORIZATION_FAILED: ["NOT_ALLOWED", "this user may not write to the topic"],
  CLUSTER_AUTHORIZATION_FAILED: ["NOT_ALLOWED", "the cluster does not allow this user to do that"],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: ["NOT_ALLOWED", "this user may not use the transactional id"],
  MESSAGE_TOO_LARGE: [
    "RECORD_TOO_LARGE",
    "larger than the topic takes",
    "raise max.message.bytes of the topic, or lower batch_bytes",
  ],
  RECORD_LIST_TOO_LARGE: ["RECORD_TOO_LARGE", "larger than a segment of the log", "lower batch_bytes"],
  INVALID_TIMESTAMP: ["RECORD_REFUSED", "the topic does not take this timestamp"],
  INVALID_RECORD: ["RECORD_REFUSED", "the topic does not take this record", "a compacted topic needs a key"],
  CORRUPT_MESSAGE: ["RECORD_REFUSED", "the broker cannot read the records", "a compacted topic needs a key"],
  UNSUPPORTED_COMPRESSION_TYPE: ["RECORD_REFUSED", "the topic does not take this compression"],
  POLICY_VIOLATION: ["RECORD_REFUSED", "a policy of the cluster forbids it"],
  NOT_ENOUGH_REPLICAS: ["NOT_ENOUGH_REPLICAS", "too few replicas are in sync"],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: ["NOT_ENOUGH_REPLICAS", "written, but to too few replicas"],
  LEADER_NOT_AVAILABLE: ["NO_LEADER", "the partition has no leader at the moment"],
  NOT_LEADER_FOR_PARTITION: ["NO_LEADER", "the partition has another leader"],
  SASL_AUTHENTICATION_FAILED: ["AUTH_FAILED", "the cluster does not accept the login"],
  UNSUPPORTED_SASL_MECHANISM: ["AUTH_FAILED", "the cluster does not offer this saslMechanism"],
  ILLEGAL_SASL_STATE: ["AUTH_FAILED", "the cluster does not accept the login"],
  INVALID_PRODUCER_EPOCH: ["TRANSACTION_FENCED", "another producer has taken over the transactional id"],
  PRODUCER_FENCED: ["TRANSACTION_FENCED", "another producer has taken over the transactional id"],
  CONCURRENT_TRANSACTIONS: ["TRANSACTION_FENCED", "a transaction with this id is still on its way"],
};

interface KafkaError {
  readonly name: string;
  readonly message: string;
  readonly type?: string;
  readonly cause?: unknown;
}

/** Errors of the client library wrap each other; outermost first. */
function chainOf(error: unknown): KafkaError[] {
  if (!(error instanceof Error)) return [];
  return [error, ...chainOf(error.cause)];
}

/** The name that Kafka gives to an error, such as `MESSAGE_TOO_LARGE`; undefined for others. */
export function protocolErrorOf(error: unknown): string | undefined {
  return chainOf(error).find(({ type }) => typeof type === "string")?.type;
}

/**
 * What a broker's refusal means; undefined for an error that is none.
 *
 * @param what was asked for: `topic "ticks"`
 */
export function refusal(error: unknown, what: string): RemoteFailure | undefined {
  const chain = chainOf(error);
  const own = chain.find((one) => one instanceof RemoteFailure);
  if (own !== undefined) return own;
  const type = protocolErrorOf(error);
  if (type !== undefined) {
    const [code, reason, hint] = protocolErrors[type] ?? (["BROKER_REFUSED", chain.at(-1)?.message ?? type] as const);
    const subject = code === "AUTH_FAILED" ? "login failed" : what;
    return failure(code, `${subject}: ${reason} (${type})`, { hint, cause: error });
  }
  const login = chain.find(({ name }) => name === "KafkaJSSASLAuthenticationError");
  if (login !== undefined)
    return failure("AUTH_FAILED", `login failed: ${loginReason(login.message)}`, { cause: error });
  return undefined;
}

/** The library's message repeats itself; the broker's words come last. Neither holds a password. */
function loginReason(message: string): string {
  return message.replace(/^SASL [\w -]+ authentication failed: /i, "").replace(/^Authentication failed.*?: /, "");
}
