import { open, type FileHandle } from "node:fs/promises";
import { HostError } from "@executor-host/proto/shared/error";
import type { Contents } from "./contents.ts";
import { wholeRecords } from "./log-records.ts";

/** One file of a log. */
export interface Segment {
  readonly index: number;
  /** Position of the first byte in the whole log. */
  readonly start: number;
  length: number;
  contents: Contents;
}

/** Records that were there. */
export interface Gap {
  /** Position after the gap. */
  readonly end: number;
  readonly contents: Contents;
}

/** Knows where a log's files are. */
export interface SegmentFinder {
  locate(position: number): Segment | Gap | undefined;
  droppable(position: number): Segment | undefined;
}

/** Reads a log's files at its own pace. Holds at most one open file. */
export class SegmentCursor implements AsyncDisposable {
  readonly #path: string;
  readonly #finder: SegmentFinder;
  #file: FileHandle | undefined;
  #segment: Segment | undefined;

  constructor(path: string, finder: SegmentFinder) {
    this.#path = path;
    this.#finder = finder;
  }

  /**
   * Stay able to read on from a position, whatever becomes of the file around it: what a file held can be told as dropped only as a whole.
   */
  async hold(position: number): Promise<void> {
    const segment = this.#finder.droppable(position);
    if (segment !== undefined && segment !== this.#segment) await this.#enter(segment);
  }

  /**
   * Read whole records.
   *
   * @param limit position after the last one that may be read
   * @returns at most `maxBytes` of them, or one that is larger; a gap; or undefined where no more were written
   * @throws {HostError} `EXECUTION_NOT_FOUND` when the whole log was removed
   */
  async records(position: number, limit: number, maxBytes: number): Promise<Buffer | Gap | undefined> {
    for (let size = maxBytes; ; size *= 2) {
      const read = await this.#read(position, size);
      if (!Buffer.isBuffer(read)) return read;
      const whole = wholeRecords(read.subarray(0, limit - position));
      if (whole.length > 0) return whole;
      // A piece of a record, left by a failed write, ends the file.
      if (read.length < size) return undefined;
    }
  }

  /** @returns bytes from this position on (at most `maxBytes`, within one file), a gap, or undefined at the end */
  async #read(position: number, maxBytes: number): Promise<Buffer | Gap | undefined> {
    for (let missing: Segment | undefined; ;) {
      const current = this.#segment;
      const inside = current !== undefined && position >= current.start && position < current.start + current.length;
      if (!inside) {
        const located = this.#finder.locate(position);
        if (located === undefined || "end" in located) return located;
        if (located === missing)
          throw new HostError("EXECUTION_NOT_FOUND", "the execution was forgotten while it was read");
        await this.#enter(located);
        if (this.#file === undefined) {
          missing = located; // dropped between locating and opening: locate again
          continue;
        }
      }
      const segment = this.#segment!;
      const length = Math.min(maxBytes, segment.start + segment.length - position);
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await this.#file!.read(buffer, 0, length, position - segment.start);
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#segment = undefined;
    await file?.close();
  }

  async #enter(segment: Segment): Promise<void> {
    await this[Symbol.asyncDispose]();
    try {
      this.#file = await open(segmentPath(this.#path, segment.index));
      this.#segment = segment;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

export function segmentPath(path: string, index: number): string {
  return `${path}.${index}`;
}
