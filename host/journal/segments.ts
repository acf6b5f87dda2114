import { open, readdir, readFile, truncate, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { joined, nothing, type Contents } from "./contents.ts";
import { contentsOf, wholeRecords } from "./log-records.ts";
import { SegmentCursor, segmentPath, type Gap, type Segment } from "./segment-cursor.ts";

/** One encoded record on its way to disk. */
export interface Entry {
  readonly position: number;
  /** The record, in one or more pieces. */
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  readonly sequence: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Output or progress, which may be dropped; state changes and results may not. */
  readonly bulk: boolean;
}

/** Limits of the files of one log. */
const minSegmentBytes = 64 * 1024;
const maxSegmentBytes = 32 * 1024 * 1024;
const segmentsPerLog = 16;

/**
 * The files of one event log: `PATH.0`, `PATH.1` ... Only ever appended to.
 *
 * When all together exceed `maxBytes`, whole files from the middle are deleted: the first half of the budget keeps the start of the
 * log, the rest keeps its end. What was deleted is known exactly.
 */
export class Segments {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  #segments: Segment[] = [];
  #dropped: Segment[] = [];
  #writer: FileHandle | undefined;

  /** @param start position in the log at which the files begin */
  constructor(path: string, start: number, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#segmentBytes = Math.min(maxSegmentBytes, Math.max(minSegmentBytes, Math.floor(maxBytes / segmentsPerLog)));
    this.#segments.push({ index: 0, start, length: 0, contents: nothing });
  }

  /** The files of a finished log, found on disk. What lies between them was dropped: `gap` says what it held. */
  static async find(
    path: string,
    start: number,
    gap: Contents | undefined,
    maxBytes = Number.MAX_SAFE_INTEGER,
  ): Promise<Segments> {
    const found = new Segments(path, start, maxBytes);
    const indexes = await segmentIndexes(path);
    const segments: Segment[] = [];
    let position = start;
    for (const index of indexes) {
      const previous = segments.at(-1);
      if (previous !== undefined && index > previous.index + 1) {
        found.#dropped.push({ index: previous.index + 1, start: position, length: 1, contents: gap ?? nothing });
        position += 1;
      }
      await using file = await open(segmentPath(path, index));
      const { size } = await file.stat();
      segments.push({ index, start: position, length: size, contents: nothing });
      position += size;
    }
    if (segments.length > 0) found.#segments = segments;
    return found;
  }

  /** The files of a log whose host died, to be gone on with: without the piece of a record that may end them. */
  static async reopen(path: string, start: number, gap: Contents | undefined, maxBytes: number): Promise<Segments> {
    const found = await Segments.find(path, start, gap, maxBytes);
    for (const segment of found.#segments.filter(({ length }) => length > 0)) {
      const file = segmentPath(path, segment.index);
      const whole = wholeRecords(await readFile(file));
      if (segment === found.#last && whole.length < segment.length) {
        await truncate(file, whole.length);
        segment.length = whole.length;
      }
      segment.contents = contentsOf(whole);
    }
    return found;
  }

  /** Position after the last byte. */
  get end(): number {
    const last = this.#last;
    return last.start + last.length;
  }

  /** Size of all files together. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.length, 0);
  }

  /** Everything dropped so far, as one stretch. */
  get dropped(): Contents | undefined {
    return this.#dropped.length === 0 ? undefined : this.#dropped.map((segment) => segment.contents).reduce(joined);
  }

  /**
   * Write entries after the last byte.
   *
   * @returns true when something was dropped to make room
   * @throws the system's error (ENOSPC ...); what was written before it stays
   */
  async append(entries: readonly Entry[]): Promise<boolean> {
    for (let from = 0; from < entries.length;) {
      const segment = await this.#writable();
      let to = from;
      for (let bytes = segment.length; to < entries.length && (to === from || bytes < this.#segmentBytes); to++) {
        bytes += entries[to]!.bytes;
      }
      const batch = entries.slice(from, to);
      const writer = this.#writer!;
      try {
        await writeAll(
          writer,
          batch.flatMap((entry) => entry.pieces),
        );
      } catch (error) {
        // Otherwise a later reader would find pieces that count as lost. Making a file shorter works on a full disk, too.
        await writer.truncate(segment.length).catch(() => undefined);
        throw error;
      }
      for (const entry of batch) {
        segment.length += entry.bytes;
        segment.contents = joined(segment.contents, {
          firstSequence: entry.sequence,
          lastSequence: entry.sequence,
          stdoutBytes: entry.stdoutBytes,
          stderrBytes: entry.stderrBytes,
        });
      }
      from = to;
    }
    return this.#makeRoom();
  }

  /** A cursor of its own; dropping a file does not disturb a cursor that is inside it. */
  cursor(): SegmentCursor {
    return new SegmentCursor(this.#path, {
      locate: (position) => this.#locate(position),
      droppable: (position) => this.#droppable(position),
    });
  }

  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }

  get #last(): Segment {
    return this.#segments.at(-1)!;
  }

  #locate(position: number): Segment | Gap | undefined {
    const segment = this.#segments.find((candidate) => position < candidate.start + candidate.length);
    if (segment === undefined) return undefined;
    if (position >= segment.start) return segment;
    const missing = this.#dropped.filter((candidate) => candidate.start >= position && candidate.start < segment.start);
    return { end: segment.start, contents: missing.map((candidate) => candidate.contents).reduce(joined, nothing) };
  }

  /** The file around a position, or before it at the end, unless it is one of those that are never deleted. */
  #droppable(position: number): Segment | undefined {
    const segment = this.#segments.findLast((candidate) => candidate.start <= position);
    return segment !== undefined && segment.start >= this.#headEnd ? segment : undefined;
  }

  get #headEnd(): number {
    return this.#segments[0]!.start + this.#maxBytes / 2;
  }

  async #writable(): Promise<Segment> {
    let last = this.#last;
    if (this.#writer !== undefined && last.length >= this.#segmentBytes) {
      await this.close();
      last = { index: last.index + 1, start: last.start + last.length, length: 0, contents: nothing };
      this.#segments.push(last);
    }
    this.#writer ??= await open(segmentPath(this.#path, last.index), "a", 0o600);
    return last;
  }

  async #makeRoom(): Promise<boolean> {
    let droppedAny = false;
    const headEnd = this.#headEnd;
    while (this.bytes > this.#maxBytes) {
      const at = this.#segments.findIndex((segment) => segment.start >= headEnd);
      if (at === -1 || at === this.#segments.length - 1) break;
      const [segment] = this.#segments.splice(at, 1);
      this.#dropped.push(segment!);
      droppedAny = true;
      await unlink(segmentPath(this.#path, segment!.index));
    }
    return droppedAny;
  }
}

/** Delete all files of a log. */
export async function removeSegments(path: string): Promise<void> {
  for (const index of await segmentIndexes(path)) await unlink(segmentPath(path, index));
}

async function segmentIndexes(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

/** `writev` may write less than it was given. */
async function writeAll(file: FileHandle, buffers: Buffer[]): Promise<void> {
  let rest = buffers;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest.slice(0, 1024));
    let left = bytesWritten;
    let at = 0;
    while (at < rest.length && left >= rest[at]!.length) left -= rest[at++]!.length;
    rest = left > 0 ? [rest[at]!.subarray(left), ...rest.slice(at + 1)] : rest.slice(at);
  }
}
