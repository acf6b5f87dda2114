import { abortable, RemoteFailure } from "@executor-host/sdk/remote";
import type { Admin } from "kafkajs";

import { failure, protocolErrorOf, refusal } from "../failure.ts";
import { createClient } from "./client.ts";
import type { ClusterSettings } from "./settings.ts";
import type { Token } from "./token.ts";

/** A topic, as the cluster describes it. */
export interface TopicFacts {
  readonly partitions: number;
  /** Partitions that nobody can write to at the moment. */
  readonly leaderless: number;
}

/** How to make a topic that is not there; undefined means as the cluster does by default. */
export interface NewTopic {
  readonly partitions: number | undefined;
  readonly replication: number | undefined;
}

/**
 * Look at a topic, without side effect.
 *
 * @returns undefined when there is none
 * @throws {RemoteFailure} why there is no connection @throws `signal.reason`
 */
export function inspectTopic(
  settings: ClusterSettings,
  token: Token | undefined,
  topic: string,
  signal: AbortSignal,
): Promise<TopicFacts | undefined> {
  return withAdmin(settings, token, `topic "${topic}"`, signal, (admin) => factsOf(admin, topic));
}

/** @throws {RemoteFailure} `TOPIC_NOT_CREATED`, `NOT_ALLOWED` ... */
export function createTopic(
  settings: ClusterSettings,
  token: Token | undefined,
  topic: string,
  { partitions = -1, replication = -1 }: NewTopic,
  signal: AbortSignal,
): Promise<void> {
  return withAdmin(settings, token, `topic "${topic}"`, signal, async (admin) => {
    try {
      // False: somebody else has been faster, which is as well.
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor: replication }],
        waitForLeaders: true,
      });
    } catch (error) {
      const reasons = error instanceof Error && "errors" in error ? (error.errors as unknown[]) : [error];
      const type = protocolErrorOf(reasons[0]);
      const known = refusal(reasons[0], `topic "${topic}"`);
      if (known !== undefined && known.code !== "BROKER_REFUSED") throw known;
      if (type === undefined) throw error;
      const { message } = reasons[0] as Error;
      throw failure("TOPIC_NOT_CREATED", `topic "${topic}" cannot be created: ${message} (${type})`, { cause: error });
    }
  });
}

async function factsOf(admin: Admin, topic: string): Promise<TopicFacts | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    return { partitions: partitions.length, leaderless: partitions.filter(({ leader }) => leader < 0).length };
  } catch (error) {
    if (protocolErrorOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return undefined;
    throw error;
  }
}

/** A connection for one question; there are few, so none is kept. */
async function withAdmin<T>(
  settings: ClusterSettings,
  token: Token | undefined,
  what: string,
  signal: AbortSignal,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  const { kafka, sockets, loginProblem } = createClient(settings, token, signal);
  const admin = kafka.admin();
  try {
    const asked = admin.connect().then(() => use(admin));
    return await abortable(asked, signal, sockets.hopeless);
  } catch (error) {
    const known = loginProblem() ?? (error instanceof RemoteFailure ? undefined : refusal(error, what));
    if (known !== undefined) throw known;
    // A stop is one, and a hopeless connection explains itself.
    const isTimeout = error instanceof RemoteFailure && error.code === "TIMEOUT_CONNECT";
    if (!isTimeout && (error instanceof RemoteFailure || signal.aborted)) throw error;
    if (sockets.problem !== undefined) throw sockets.problem;
    if (isTimeout) throw error;
    const brokers = settings.brokers.join(", ");
    throw failure("CONNECTION_LOST", `the connection to ${brokers} was lost`, {
      hint: "brokers close connections that begin without the login or the TLS that they expect",
      cause: error,
    });
  } finally {
    sockets.stop();
    admin.disconnect().catch(() => undefined);
  }
}
