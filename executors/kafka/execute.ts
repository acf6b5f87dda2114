import { performance } from "node:perf_hooks";
import type { Execution, JsonObject, Report } from "@executor-host/sdk";
import {
  limited,
  reportOfThrown,
  showMs,
  traceHeaders,
  type ConnectionPool,
  type Header,
  withGrace,
} from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { ClusterLink, type ProducerLease } from "./connection/link.ts";
import { connectLimit, type Attempt, type ClusterProducer, type Placed } from "./connection/producer.ts";
import { clusterSettings, type ClusterSettings } from "./connection/settings.ts";
import { limits } from "./defaults.ts";
import { Published } from "./evidence.ts";
import { failure } from "./failure.ts";
import { Assigner } from "./partition/assigner.ts";
import { batches } from "./records/batches.ts";
import { collectRecords } from "./records/collect.ts";
import { sizeOf, type OutgoingRecord } from "./records/record.ts";

/** Publish the job's records, and report where the brokers have put them. */
export async function execute(execution: Execution<Config>, pool: ConnectionPool<ClusterLink>): Promise<Report> {
  const { config, signal } = execution;
  const run = new KafkaRun(execution);
  using grace = withGrace(execution);
  const onTimeout = (): Error => run.timeUp();
  using limit = limited(signal, config.timeout, execution, onTimeout);
  using patience = limited(grace.signal, config.timeout, execution, onTimeout);
  try {
    await run.publish(pool, limit.signal, patience.signal);
    return { outcome: "SUCCEEDED", effect: run.effect, evidence: run.evidence() };
  } catch (error) {
    const { effect, phase } = run;
    return reportOfThrown(error, signal, { effect, phase, evidence: run.evidence(), unknownEffect });
  }
}

const unknownEffect = "records had been sent; whether they were written is not known";

/** One execution on its way. */
class KafkaRun {
  readonly #execution: Execution<Config>;
  readonly #published: Published;
  readonly #startMs = performance.now();
  /** When the job's own time is up. */
  readonly #ownEndMs: number;
  /** The batch that is out without an answer. */
  #attempt: Attempt | undefined;
  #commit: "none" | "asked" | "done" = "none";
  #settings: ClusterSettings | undefined;
  #lease: ProducerLease | undefined;
  #records = 0;
  #bytes = 0;
  /** What a stop would interrupt. */
  phase = "before sending";

  constructor(execution: Execution<Config>) {
    this.#execution = execution;
    const { timeout } = execution.config;
    this.#ownEndMs = timeout > 0 ? Date.now() + timeout : Infinity;
    this.#published = new Published(execution.config.topic);
  }

  /**
   * @param stop ends what can be ended at any time
   * @param patience ends waiting for an answer to what has been sent
   */
  async publish(pool: ConnectionPool<ClusterLink>, stop: AbortSignal, patience: AbortSignal): Promise<void> {
    const { config } = this.#execution;
    const settings = await clusterSettings(config, stop);
    this.#settings = settings;
    const records = await collectRecords(config, this.#addedHeaders(), stop);
    this.#records = records.length;
    using link = await pool.acquire(settings, async () => new ClusterLink(settings), stop);
    this.phase = "while waiting for its turn";
    // Others may publish for long, which says nothing about the brokers.
    using _turn = await link.connection.turn(stop);
    this.phase = "while connecting";
    using connecting = connectLimit(stop, config.connect_timeout);
    const newTopic = { partitions: config.create_topic_partitions, replication: config.create_topic_replication };
    await link.connection.assertTopic(config.topic, config.create_topic ? newTopic : undefined, connecting.signal);
    using lease = await link.connection.lease(connecting.signal);
    connecting[Symbol.dispose]();
    this.#lease = lease;
    this.#execution.started(`${config.topic} at ${config.brokerAddress.join(", ")}`);
    this.#debug(`${lease.reused ? "using a connected producer" : "connected"}, ${records.length} records to send`);
    await (settings.transactional
      ? this.#inTransaction(lease.producer, records, stop, patience)
      : this.#sendAll(lease.producer, records, stop, patience));
    if (config.tlsInsecureSkipVerify)
      this.#execution.warn("tlsInsecureSkipVerify: the brokers' certificates were not verified");
    if (config.acks === "none") this.#execution.warn("acks=none: nobody has said that the records were written");
  }

  async #inTransaction(
    producer: ClusterProducer,
    records: readonly OutgoingRecord[],
    stop: AbortSignal,
    patience: AbortSignal,
  ): Promise<void> {
    await producer.begin(stop);
    try {
      await this.#sendAll(producer, records, stop, patience);
      stop.throwIfAborted();
      this.phase = "while committing";
      this.#commit = "asked";
      await producer.commit(patience);
      this.#commit = "done";
    } catch (error) {
      if (this.#commit === "none") await producer.abort();
      throw error;
    }
  }

  async #sendAll(
    producer: ClusterProducer,
    records: readonly OutgoingRecord[],
    stop: AbortSignal,
    patience: AbortSignal,
  ): Promise<void> {
    const { topic, partitioner, acks, compression, batch_bytes: bytes } = this.#execution.config;
    this.phase = "while sending";
    for (const batch of batches(records, { bytes, records: limits.batchRecords })) {
      stop.throwIfAborted();
      this.#attempt = { sent: false, refused: false };
      const assigner = new Assigner(topic, partitioner);
      const placed = await producer.send(
        { topic, records: batch, assigner, acks, compression },
        this.#attempt,
        patience,
      );
      this.#attempt = undefined;
      this.#published.add(placed);
      this.#bytes += batch.reduce((sum, record) => sum + sizeOf(record), 0);
      await this.#tell(placed, patience);
    }
  }

  /** A line of JSON for each record that the brokers have acknowledged. */
  async #tell(placed: readonly Placed[], signal: AbortSignal): Promise<void> {
    const { stdout, progress, config } = this.#execution;
    const lines = placed.map(({ partition, offset, timestampMs }) =>
      JSON.stringify({ topic: config.topic, partition, offset, timestamp: new Date(timestampMs).toISOString() }),
    );
    if (!stdout.write(`${lines.join("\n")}\n`) && !signal.aborted) await stdout.drained();
    if (this.#records > placed.length) progress({ fraction: this.#published.count / this.#records });
  }

  #addedHeaders(): readonly Header[] {
    const { id, traceContext, config } = this.#execution;
    const name = config.execution_id_header;
    return [...traceHeaders(traceContext), ...(name === undefined ? [] : [[name, id] as const])];
  }

  #debug(message: string): void {
    const { config, protocol, log, stderr } = this.#execution;
    if (!config.debug) return;
    // Dkron would mix it into the stored output.
    if (protocol === "dkron") log.info(message);
    else stderr.write(`* ${message}\n`);
  }

  timeUp(): Error {
    const { config, deadline } = this.#execution;
    const isDeadlineFirst = deadline !== undefined && deadline.getTime() < this.#ownEndMs;
    const limit = isDeadlineFirst ? "before the deadline" : `within ${showMs(config.timeout)}`;
    return failure("TIMEOUT_TOTAL", `not published ${limit}, stopped ${this.phase}`);
  }

  /** Did a record reach a topic? Undefined: nobody can tell. */
  get effect(): Report["effect"] {
    if (this.#settings?.transactional) return this.#effectOfTransaction();
    if (this.#execution.config.acks === "none" && this.#published.count > 0) return undefined;
    if (this.#published.count > 0) return "HAPPENED";
    return this.#attempt?.sent === true && !this.#attempt.refused ? undefined : "NONE";
  }

  /** Without a commit, no consumer that waits for commits ever sees a record. */
  #effectOfTransaction(): Report["effect"] {
    if (this.#commit === "done") return "HAPPENED";
    return this.#commit === "asked" ? undefined : "NONE";
  }

  /**
   * Keys: `brokers`, those that the job names; those of `Published`; `records`' rest: `unacknowledged`, how many records were not acknowledged; `bytes` published, before
   * compression; `acks`, `idempotent`, `compression`; `transaction` (`id`, `committed`); `connectionReused`; `durationMs`.
   */
  evidence(): JsonObject {
    const { acks, compression } = this.#execution.config;
    const transactionalId = this.#lease?.producer.transactionalId;
    return {
      brokers: this.#execution.config.brokerAddress,
      ...this.#published.evidence(),
      unacknowledged: this.#records - this.#published.count,
      bytes: this.#bytes,
      acks,
      idempotent: this.#settings?.idempotent,
      compression,
      ...(transactionalId !== undefined && {
        transaction: { id: transactionalId, committed: this.#commit === "done" },
      }),
      connectionReused: this.#lease?.reused,
      durationMs: Math.round((performance.now() - this.#startMs) * 10) / 10,
    };
  }
}
