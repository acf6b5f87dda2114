import type { JsonObject } from "@executor-host/sdk";

import type { Placed } from "./connection/producer.ts";
import { limits } from "./defaults.ts";

/** A stretch of one partition that an execution has written. */
interface PartitionRange {
  readonly partition: number;
  records: number;
  firstOffset: number | undefined;
  lastOffset: number | undefined;
}

/** What an execution has published so far: what the broker said, not what was sent. */
export class Published {
  readonly topic: string;
  readonly #ranges = new Map<number, PartitionRange>();
  readonly #first: Placed[] = [];
  #count = 0;

  constructor(topic: string) {
    this.topic = topic;
  }

  get count(): number {
    return this.#count;
  }

  add(placed: readonly Placed[]): void {
    for (const one of placed) {
      this.#count++;
      if (this.#first.length < limits.evidenceRecords) this.#first.push(one);
      const known = this.#ranges.get(one.partition);
      const range = known ?? { partition: one.partition, records: 0, firstOffset: one.offset, lastOffset: undefined };
      if (known === undefined) this.#ranges.set(one.partition, range);
      range.records++;
      range.lastOffset = one.offset;
    }
  }

  /**
   * Keys: `topic`; `published`, how many records; `partitions`, what was written to each (`partition`, `records`, `firstOffset`,
   * `lastOffset`); `records`, the first hundred (`partition`, `offset`, `timestamp`).
   */
  evidence(): JsonObject {
    return {
      topic: this.topic,
      published: this.#count,
      partitions: [...this.#ranges.values()]
        .toSorted((a, b) => a.partition - b.partition)
        .map((range) => ({ ...range })),
      records: this.#first.map(({ partition, offset, timestampMs }) => ({
        partition,
        offset,
        timestamp: new Date(timestampMs).toISOString(),
      })),
    };
  }
}
