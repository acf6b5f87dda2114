import { Batch } from "./batch.ts";
import type { Entry } from "./segments.ts";

/** Records of a log kept in memory: those on their way to disk, and the newest of those that are there. Positions rise, and may have gaps. */
export class LogWindow {
  #entries: Entry[] = [];
  #bytes = 0;

  /** Position of the first record; undefined when there is none. */
  get start(): number | undefined {
    return this.#entries[0]?.position;
  }

  /** Position after the last record; 0 when there is none. */
  get end(): number {
    const last = this.#entries.at(-1);
    return last === undefined ? 0 : last.position + last.bytes;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  keep(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  /** The newest records. */
  last(count: number): Entry[] {
    return count === 0 ? [] : this.#entries.slice(-count);
  }

  /** Forget the oldest records as long as all together exceed `maxBytes`, but none of the newest `keepCount`. */
  trim(maxBytes: number, keepCount: number): void {
    let drop = 0;
    while (this.#bytes > maxBytes && drop < this.#entries.length - keepCount) {
      this.#bytes -= this.#entries[drop++]!.bytes;
    }
    if (drop > 0) this.#entries.splice(0, drop);
  }

  /** Whole records from a position on, up to another one: at most `maxBytes`, or one record. */
  read(position: number, limit: number, maxBytes: number): Batch {
    const batch: Buffer[] = [];
    let bytes = 0;
    for (let at = this.#find(position); at < this.#entries.length; at++) {
      const entry = this.#entries[at]!;
      if (entry.position + entry.bytes > limit || (bytes > 0 && bytes + entry.bytes > maxBytes)) break;
      batch.push(...entry.pieces);
      bytes += entry.bytes;
    }
    return new Batch(batch);
  }

  /** Index of the first record at or after a position. */
  #find(position: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
