import { crc32 } from "node:zlib";

import { failure } from "../failure.ts";
import { fnv1a, murmur2 } from "./hashes.ts";

/** How records get to partitions; `random` and `round_robin` do not look at the key. */
export const partitioners = ["murmur2", "crc32", "fnv1a", "random", "round_robin"] as const;

export type PartitionerName = (typeof partitioners)[number];

/** What counts of a record. */
export interface Assignable {
  readonly key: Buffer | null;
  readonly partition: number | undefined;
}

/** A partition, as the cluster describes it. */
export interface PartitionState {
  readonly partitionId: number;
  /** Below 0: none at the moment. */
  readonly leader: number;
}

/** The partition by a key, of so many. Each is what the clients named here do, so that a key stays where they put it. */
const byKey: Readonly<Partial<Record<PartitionerName, (key: Uint8Array, count: number) => number>>> = {
  /** Java's clients, kcat's `murmur2`. */
  murmur2: (key, count) => (murmur2(key) & 0x7fffffff) % count,
  /** librdkafka and those made from it. */
  crc32: (key, count) => crc32(key) % count,
  /** Sarama, and so Dkron. */
  fnv1a: (key, count) => Math.abs(fnv1a(key) % count),
};

/** Chooses the partitions of one batch. */
export class Assigner {
  readonly #partitioner: PartitionerName;
  readonly #topic: string;
  /** Records without a key stay together, in their order. */
  #sticky: number | undefined;
  #next = Math.floor(Math.random() * 2 ** 16);

  constructor(topic: string, partitioner: PartitionerName) {
    this.#topic = topic;
    this.#partitioner = partitioner;
  }

  /** @throws {RemoteFailure} `PARTITION_NOT_FOUND` */
  assign({ key, partition }: Assignable, partitions: readonly PartitionState[]): number {
    if (partition !== undefined) return this.#existing(partition, partitions);
    const hash = byKey[this.#partitioner];
    if (hash !== undefined && key !== null) return hash(key, partitions.length);
    const led = partitions.filter(({ leader }) => leader >= 0);
    const ids = (led.length > 0 ? led : partitions).map(({ partitionId }) => partitionId);
    const pick = (index: number): number => ids[index % ids.length] ?? 0;
    const random = (): number => pick(Math.floor(Math.random() * ids.length));
    if (this.#partitioner === "round_robin") return pick(this.#next++);
    if (this.#partitioner === "random") return random();
    this.#sticky ??= random();
    return this.#sticky;
  }

  /** The client library would leave out a record for a partition it does not know, and call that a success. */
  #existing(partition: number, partitions: readonly PartitionState[]): number {
    if (partitions.some(({ partitionId }) => partitionId === partition)) return partition;
    throw failure(
      "PARTITION_NOT_FOUND",
      `topic "${this.#topic}" has no partition ${partition}: it has ${partitions.length}, from 0`,
    );
  }
}
