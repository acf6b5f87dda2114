import { randomUUID } from "node:crypto";
import { abortable, limited, pause, RemoteFailure, showMs } from "@executor-host/sdk/remote";
import type { IHeaders, Message, Producer, ProducerRecord, RecordMetadata, Transaction } from "kafkajs";

import { limits } from "../defaults.ts";
import { failure, protocolErrorOf, refusal } from "../failure.ts";
import type { Assigner } from "../partition/assigner.ts";
import type { OutgoingRecord } from "../records/record.ts";
import { createClient, type Client } from "./client.ts";
import { compressions, type CompressionName } from "./codecs.ts";
import type { ClusterSettings } from "./settings.ts";
import type { Token } from "./token.ts";

/** Records for one topic that are sent together. */
export interface Batch {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly assigner: Assigner;
  readonly acks: "all" | "leader" | "none";
  readonly compression: CompressionName;
}

/** Where a record has ended up. */
export interface Placed {
  readonly partition: number;
  /** Undefined when no acknowledgement was asked for. */
  readonly offset: number | undefined;
  readonly timestampMs: number;
}

/** What is known of a batch on its way. */
export interface Attempt {
  /** It may have been written to a socket. */
  sent: boolean;
  /** A broker has refused all of it, and there is no doubt about an earlier try. */
  refused: boolean;
}

const acksNumbers = { all: -1, leader: 1, none: 0 } as const;

/**
 * A connected producer, for one execution at a time.
 *
 * Not for several: after a lost acknowledgement the library gives the same sequence numbers to whatever is sent next, and the broker would
 * take another execution's records for a repetition. For the same reason one that has failed is never used again.
 */
export class ClusterProducer {
  readonly #client: Client;
  readonly #producer: Producer;
  readonly #brokers: string;
  /** Aborts what the login does besides, when the producer is closed. */
  readonly #closing: AbortController;
  readonly #partitions = new WeakMap<Message, number>();
  #assigner: Assigner | undefined;
  #attempt: Attempt | undefined;
  #transaction: Transaction | undefined;
  #failed = false;
  readonly #isIdempotent: boolean;
  readonly transactionalId: string | undefined;

  private constructor(settings: ClusterSettings, token: Token | undefined) {
    this.#closing = new AbortController();
    this.#client = createClient(settings, token, this.#closing.signal);
    this.#brokers = settings.brokers.join(", ");
    this.#isIdempotent = settings.idempotent;
    this.transactionalId = settings.transactional
      ? (settings.transactionalId ?? `executor-host-${randomUUID()}`)
      : undefined;
    this.#producer = this.#client.kafka.producer({
      idempotent: settings.idempotent,
      ...(this.transactionalId !== undefined && {
        transactionalId: this.transactionalId,
        transactionTimeout: limits.transactionMs,
        maxInFlightRequests: 1,
      }),
      allowAutoTopicCreation: false,
      // Asked again for each repetition: a record must stay where it was, or it is written twice, or not at all.
      createPartitioner:
        () =>
        ({ message, partitionMetadata }) => {
          const known = this.#partitions.get(message);
          if (known !== undefined) return known;
          const { key, partition } = message as { key: Buffer | null; partition: number | undefined };
          const chosen = this.#assigner?.assign({ key, partition }, partitionMetadata) ?? 0;
          this.#partitions.set(message, chosen);
          if (this.#attempt !== undefined) this.#attempt.sent = true;
          return chosen;
        },
    });
  }

  /** @throws {RemoteFailure} why there is no connection @throws `signal.reason` */
  static async connect(
    settings: ClusterSettings,
    token: Token | undefined,
    signal: AbortSignal,
  ): Promise<ClusterProducer> {
    const producer = new ClusterProducer(settings, token);
    try {
      await producer.#wait(producer.#producer.connect(), signal, "cannot connect");
      return producer;
    } catch (error) {
      producer.stop();
      throw error;
    }
  }

  /** May be used for another execution. */
  get usable(): boolean {
    return !this.#failed && this.#transaction === undefined && this.#client.sockets.intact;
  }

  /**
   * Begin or end to serve an execution. Meanwhile, a connection that has silently died is found out and replaced, which the library does not do;
   * not where sending again could write twice.
   */
  serve(isServing: boolean): void {
    this.#client.sockets.limitSilence(isServing && this.#isIdempotent ? limits.silenceMs : 0);
  }

  /**
   * Send a batch, again if need be, until it is acknowledged.
   *
   * @returns one for each record, in their order
   * @throws {RemoteFailure} @throws `signal.reason`
   */
  async send(batch: Batch, attempt: Attempt, signal: AbortSignal): Promise<readonly Placed[]> {
    const { topic, records, assigner, acks, compression } = batch;
    const nowMs = Date.now();
    const messages = records.map((record) => toMessage(record, nowMs));
    this.#assigner = assigner;
    this.#attempt = attempt;
    try {
      const request = {
        topic,
        messages,
        acks: acksNumbers[acks],
        timeout: limits.requestMs,
        compression: compressions[compression],
      };
      const answers = await this.#wait(this.#request(request, signal), signal, `topic "${topic}"`);
      return placed(messages, answers, this.#partitions, acks !== "none");
    } catch (error) {
      this.#failed = true;
      const chosen = new Set(messages.map((message) => this.#partitions.get(message)));
      // Of several partitions, others may have taken their part.
      const whole = chosen.size === 1 || (error instanceof RemoteFailure && error.code === "PARTITION_NOT_FOUND");
      attempt.refused = whole && this.#client.sockets.intact && error instanceof RemoteFailure && !isVague(error);
      throw error;
    }
  }

  async #request(request: ProducerRecord, signal: AbortSignal): Promise<readonly RecordMetadata[]> {
    const sender = this.#transaction ?? this.#producer;
    for (;;) {
      try {
        return await sender.send(request);
      } catch (error) {
        // The end of the transaction before is still being written down. Nothing has been sent then.
        if (protocolErrorOf(error) !== "CONCURRENT_TRANSACTIONS" || this.#client.sockets.stopped) throw error;
        await pause(limits.retryMs, signal);
      }
    }
  }

  /** What is sent from now on becomes visible at the commit, or never. */
  async begin(signal: AbortSignal): Promise<void> {
    try {
      this.#transaction = await this.#wait(this.#producer.transaction(), signal, "cannot begin a transaction");
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async commit(signal: AbortSignal): Promise<void> {
    if (this.#transaction === undefined) return;
    try {
      await this.#wait(this.#transaction.commit(), signal, "cannot commit the transaction");
      this.#transaction = undefined;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** Give a transaction up. Never rejects: a cluster that cannot be told gives it up by itself, after a while. */
  async abort(): Promise<void> {
    if (this.#transaction === undefined) return;
    const limit = AbortSignal.timeout(limits.abortTransactionMs);
    await abortable(this.#transaction.abort(), limit, this.#closing.signal).catch(() => undefined);
  }

  /** At once. What is on its way may still arrive. */
  stop(): void {
    this.#failed = true;
    this.#closing.abort();
    this.#client.sockets.stop();
    // Its timers end as well; what it says about its sockets is no news.
    this.#producer.disconnect().catch(() => undefined);
  }

  async #wait<T>(promise: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
    const { sockets } = this.#client;
    try {
      return await abortable(promise, signal, sockets.hopeless);
    } catch (error) {
      throw this.#explain(error, signal, what);
    }
  }

  #explain(error: unknown, signal: AbortSignal, what: string): unknown {
    const { sockets, loginProblem, lastError } = this.#client;
    const ownProblem = loginProblem();
    if (ownProblem !== undefined) return ownProblem;
    if (signal.aborted) return explainTimeout(signal.reason, sockets.problem, lastError());
    const known = error instanceof RemoteFailure ? error : refusal(error, what);
    if (known !== undefined) return known;
    return (
      sockets.problem ??
      failure("CONNECTION_LOST", `${what}: the connection to ${this.#brokers} was lost`, { cause: error })
    );
  }
}

/** Says nothing about what has become of the records. */
function isVague({ outcome, code }: RemoteFailure): boolean {
  return outcome === "TIMED_OUT" || code === "NOT_ACKNOWLEDGED" || code === "BROKER_REFUSED";
}

/** Time was up because of something. */
function explainTimeout(reason: unknown, problem: RemoteFailure | undefined, lastError: string | undefined): unknown {
  if (!(reason instanceof RemoteFailure)) return reason;
  // Before there was a connection, why there is none says more than how long was waited for it.
  if (reason.code === "TIMEOUT_CONNECT" && problem !== undefined) return problem;
  const because = problem?.message ?? lastError;
  if (because === undefined) return reason;
  return failure(reason.code as "TIMEOUT_TOTAL", `${reason.message}; last: ${because}`, { hint: reason.hint });
}

/** A time limit for getting a connection. */
export function connectLimit(signal: AbortSignal, limitMs: number) {
  return limited(signal, limitMs, undefined, () =>
    failure("TIMEOUT_CONNECT", `no broker has answered within ${showMs(limitMs)}`, {
      hint: "check brokerAddress, and whether these ports speak TLS",
    }),
  );
}

function toMessage({ key, value, headers, partition, timestampMs }: OutgoingRecord, nowMs: number): Message {
  const grouped = Map.groupBy(headers, ([name]) => name);
  const values: IHeaders = Object.fromEntries([...grouped].map(([name, list]) => [name, list.map(([, one]) => one)]));
  return {
    key,
    value,
    ...(partition !== undefined && { partition }),
    headers: values,
    // The library sorts timestamps as text to find the first and the last of a batch.
    timestamp: String(timestampMs ?? nowMs).padStart(13, "0"),
  };
}

/** A broker answers with the offset of the first record of each partition; the others follow it in the order in which they were sent. */
function placed(
  messages: readonly Message[],
  answers: readonly RecordMetadata[],
  partitions: WeakMap<Message, number>,
  acknowledged: boolean,
): readonly Placed[] {
  const byPartition = new Map(answers.map((answer) => [answer.partition, answer]));
  const next = new Map<number, number>();
  return messages.map((message) => {
    const partition = partitions.get(message) ?? -1;
    const sentMs = Number(message.timestamp);
    if (!acknowledged) return { partition, offset: undefined, timestampMs: sentMs };
    const answer = byPartition.get(partition);
    const base = Number(answer?.baseOffset ?? -1);
    if (answer === undefined || base < 0) {
      throw failure("NOT_ACKNOWLEDGED", `no acknowledgement came for partition ${partition}`);
    }
    const index = next.get(partition) ?? 0;
    next.set(partition, index + 1);
    const appendedMs = Number(answer.logAppendTime ?? -1);
    return { partition, offset: base + index, timestampMs: appendedMs >= 0 ? appendedMs : sentMs };
  });
}
