import { Changes } from "@executor-host/proto/shared/changes";
import { maxOutputBytes, records } from "@executor-host/proto/shared/frame";
import { Batch } from "./batch.ts";
import { joined, nothing, type Contents } from "./contents.ts";
import { Gathering } from "./gathering.ts";
import { contentsOf, encodeDropped, skipBefore } from "./log-records.ts";
import { LogWindow } from "./log-window.ts";
import { removeSegments, Segments, type Entry } from "./segments.ts";

/** Sizes of one log, in bytes. */
/** Written, read and sent at once, if there is so much: four of the largest outputs, with what lies around them. */
const batchBytes = 4 * (maxOutputBytes + 64);
/** How long a write waits for more that could go with it, in milliseconds. A file's waits only while output comes faster than that. */
const gatherMs = 2;
/** The same for records that are not bulk: nobody looks at a state that closely, and most executions are over by then. */
const quietMs = 20;
/** More than this waiting for the disk: the producer should pause until less than the low mark waits. */
const highWaterBytes = 2 * 1024 * 1024;
const lowWaterBytes = 1024 * 1024;
/** Written records kept in memory for watchers that keep up: at least what one write may bring, or they would have to read it back. */
const windowBytes = 2 * highWaterBytes;
/** Records for the journal's row, as long as bulk ones are among them: most executions write less, and need no file. */
const inlineBytes = 8 * 1024;

export interface RecordFacts {
  readonly sequence: number;
  readonly stdoutBytes?: number;
  readonly stderrBytes?: number;
  /** The record is bulk (output, progress): it belongs into a file when there is much of it. Others stay in the journal's row until there is a file. */
  readonly bulk?: boolean;
  /** The caller stores the record itself, with `parts`, before it lets anybody watch. */
  readonly stored?: boolean;
}

export interface EventLogOptions {
  /** Start of the files' names. */
  readonly path: string;
  /** Bytes to keep. */
  readonly maxBytes: number;
  /** Store `parts`: called, and waited for, before watchers see what is in them and before the first file is written. */
  readonly save?: () => Promise<void>;
}

export interface ReadOptions {
  /** The first record to be read; 0 and 1 are the same. */
  readonly fromSequence: number;
  /** Wait for records to come, up to the last one. */
  readonly follow: boolean;
  /** Wait so long, in milliseconds, for a change before the first batch: what comes within it goes out with what is there. Default: at once. */
  readonly patienceMs?: number;
  readonly signal: AbortSignal;
}

/** What is stored of a log beside its files. */
export interface LogParts {
  /** The records before the files. */
  readonly inline: Buffer;
  /** The records after the files: not empty only when the files could not be written to the end. */
  readonly tail: Buffer;
  readonly dropped: Contents | undefined;
  /** Size of all, for keeping the journal within its limits. */
  readonly bytes: number;
}

/**
 * All events of one execution, in order, as encoded records.
 *
 * Shape: `host.v1.ExecuteResponse` messages laid end to end, one event each, so that any stretch of whole records is a message ready to be
 * sent. The first records, a few KiB, are kept in memory and in the execution's journal row (`inline`). From the first bulk record on that does
 * not fit there, all go into files.
 *
 * Watchers read what is on disk, each at its own pace, from memory while they keep up. What they have seen is there after a crash, too.
 */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #inline = new LogWindow();
  #segments: Segments | undefined;
  readonly #window = new LogWindow();
  /** How many of the window's newest records are not on disk yet. */
  #unwritten = 0;
  #unwrittenBytes = 0;
  #end = 0;
  #written = 0;
  #heldFrom = Number.POSITIVE_INFINITY;
  #finished = false;
  #lastSequence = 0;
  #stdoutBytes = 0;
  #stderrBytes = 0;
  #writing: Promise<void> | undefined;
  #lastWriteMs = Number.NEGATIVE_INFINITY;
  readonly #gathering = new Gathering();
  #flushes = 0;
  #failure: Error | undefined;
  /** The window holds what is in no file, rather than what is on its way there. */
  #windowIsTail = false;
  /** What could not be written since the last record that was kept. */
  #lost: Contents = nothing;
  #lostBytes = 0;
  readonly #changes = new Changes();
  #drainWaiters: (() => void)[] = [];

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** A finished log, as it was stored. */
  static async stored(path: string, row: Omit<LogParts, "bytes">): Promise<EventLog> {
    const log = new EventLog({ path, maxBytes: Number.MAX_SAFE_INTEGER });
    log.#keepInline(row.inline);
    log.#segments = await Segments.find(path, row.inline.length, row.dropped);
    log.#end = log.#segments.end;
    for (const span of records(row.tail)) {
      log.#keep(storedEntry(log.#end, row.tail.subarray(span.start, span.end), span.sequence));
    }
    log.#written = log.#end;
    log.#finished = true;
    log.#windowIsTail = true;
    return log;
  }

  /**
   * Go on, in a log that is still empty, after what an earlier host has stored.
   *
   * @throws {Error} when the stored log was not written to its end: nothing can follow it
   */
  async continueAfter(row: Omit<LogParts, "bytes">): Promise<void> {
    if (row.tail.length > 0) throw new Error("a part of its log could not be written");
    this.#keepInline(row.inline);
    const { path, maxBytes } = this.#options;
    const segments = await Segments.reopen(
      path,
      row.inline.length,
      row.dropped,
      Math.max(0, maxBytes - row.inline.length),
    );
    if (segments.bytes > 0) this.#segments = segments;
    this.#end = this.#written = this.#segments?.end ?? row.inline.length;
    await this.#count();
    this.#stdoutBytes += row.dropped?.stdoutBytes ?? 0;
    this.#stderrBytes += row.dropped?.stderrBytes ?? 0;
  }

  /**
   * Complete a log whose host died: count what is there, and add a last record.
   *
   * @param encode makes the record for a sequence number
   */
  async recover(encode: (sequence: number) => Buffer): Promise<void> {
    await this.#count();
    const record = encode(++this.#lastSequence);
    this.#keep(storedEntry(this.#end, record, this.#lastSequence));
    this.#written = this.#end;
  }

  static async remove(path: string): Promise<void> {
    await removeSegments(path);
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get stdoutBytes(): number {
    return this.#stdoutBytes;
  }

  get stderrBytes(): number {
    return this.#stderrBytes;
  }

  /** What the files no longer hold. */
  get dropped(): Contents | undefined {
    return this.#segments?.dropped;
  }

  /** Output bytes that could not be written, and why. */
  get lost(): { bytes: number; cause: Error } | undefined {
    if (this.#failure === undefined) return undefined;
    return { bytes: this.#lostBytes, cause: this.#failure };
  }

  /** What belongs into the journal's row. */
  get parts(): LogParts {
    const kept = this.#windowIsTail
      ? this.#window.entries.filter((entry) => !entry.bulk).flatMap((entry) => entry.pieces)
      : [];
    const inline = Buffer.concat(this.#inline.entries.flatMap((entry) => entry.pieces));
    const tail = Buffer.concat(kept);
    return {
      inline,
      tail,
      dropped: this.dropped,
      bytes: inline.length + tail.length + (this.#segments?.bytes ?? 0),
    };
  }

  /** True while more waits for the disk than should. */
  get congested(): boolean {
    return this.#unwrittenBytes > highWaterBytes;
  }

  /**
   * Add a record. Watchers see it once it is on disk.
   *
   * @param pieces the record; kept as they are, without a copy
   * @param held keep it, and all after it, from watchers until `finish`, before which the caller stores it
   */
  append(pieces: readonly Buffer[], facts: RecordFacts, held = false): void {
    const stdoutBytes = facts.stdoutBytes ?? 0;
    const stderrBytes = facts.stderrBytes ?? 0;
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#lastSequence = facts.sequence;
    this.#stdoutBytes += stdoutBytes;
    this.#stderrBytes += stderrBytes;
    if (held) this.#heldFrom = Math.min(this.#heldFrom, this.#end);
    const bulk = facts.bulk === true;
    const entry: Entry = {
      position: this.#end,
      pieces,
      bytes,
      sequence: facts.sequence,
      stdoutBytes,
      stderrBytes,
      bulk,
    };
    if (this.#segments === undefined && (!bulk || this.#end + bytes <= inlineBytes)) {
      this.#inline.keep(entry);
      this.#end += bytes;
      if (held) return;
      if (facts.stored !== true) {
        if (bulk) this.#gathering.within(gatherMs);
        this.#writing ??= this.#write(bulk ? gatherMs : quietMs);
        return;
      }
    } else if (this.#failure === undefined) {
      this.#segments ??= new Segments(this.#options.path, this.#end, Math.max(0, this.#options.maxBytes - this.#end));
      this.#keep(entry);
      this.#unwritten += 1;
      this.#unwrittenBytes += bytes;
      this.#writing ??= this.#write();
      this.#gathering.within(!bulk || this.#unwrittenBytes >= batchBytes ? 0 : gatherMs);
      return;
    } else if (bulk) {
      this.#lose(entry);
      return;
    } else {
      this.#keepInTail(entry);
    }
    this.#written = this.#end;
    this.#changes.notify();
  }

  /** Resolves when little enough waits for the disk. */
  drained(): Promise<void> {
    if (this.#unwrittenBytes <= lowWaterBytes) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /** Resolves when everything added so far that belongs into files is on disk, or known to be lost. */
  async flush(): Promise<void> {
    if (this.#segments === undefined) return;
    this.#flushes += 1;
    this.#gathering.within(0);
    while (this.#writing !== undefined) await this.#writing;
    this.#flushes -= 1;
  }

  /** Show all to watchers; the log is complete, and its `parts` are stored. */
  async finish(): Promise<void> {
    await this.flush();
    this.#written = this.#end;
    this.#heldFrom = Number.POSITIVE_INFINITY;
    this.#finished = true;
    this.#changes.notify();
    await this.#segments?.close();
  }

  /**
   * Read batches of whole records, oldest first.
   *
   * A stretch that is no longer there is given as one `output_dropped` event. Ends after the last record of a finished log, or at the newest
   * record if `follow` is false; throws `signal.reason` when aborted.
   */
  async *read(options: ReadOptions): AsyncGenerator<Batch, void> {
    const { fromSequence, follow, patienceMs, signal } = options;
    if (patienceMs !== undefined && !this.#finished) await this.#changes.next(signal, patienceMs);
    let position = 0;
    let cursor: ReturnType<Segments["cursor"]> | undefined;
    // Most logs have no files: nothing is made for one before there is one.
    try {
      for (;;) {
        signal.throwIfAborted();
        const limit = this.#visible;
        if (position >= limit) {
          if (this.#finished || !follow) return;
          await this.#changes.next(signal);
          continue;
        }
        let batch: Batch;
        if (position < this.#inlineEnd) {
          batch = this.#inline.read(position, limit, batchBytes);
        } else if (position >= this.#windowStart) {
          batch = this.#window.read(position, limit, batchBytes);
          // Whoever falls behind from here on goes on in the files.
          if (this.#segments !== undefined) {
            cursor ??= this.#segments.cursor();
            await cursor.hold(position + batch.byteLength);
          }
        } else {
          cursor ??= this.#segments!.cursor();
          const read = await cursor.records(position, limit, batchBytes);
          if (read === undefined) {
            // The rest never reached the disk: go on with what is kept in memory.
            position = this.#windowStart;
            continue;
          }
          if (!Buffer.isBuffer(read)) {
            position = read.end;
            if (read.contents.lastSequence >= fromSequence) yield new Batch([encodeDropped(read.contents)]);
            continue;
          }
          batch = new Batch([read]);
        }
        position += batch.byteLength;
        const wanted = fromSequence > 1 ? new Batch([skipBefore(batch.bytes, fromSequence)]) : batch;
        if (wanted.byteLength > 0) yield wanted;
      }
    } finally {
      await cursor?.[Symbol.asyncDispose]();
    }
  }

  get #visible(): number {
    return Math.min(this.#written, this.#heldFrom);
  }

  /** Where the files begin, if there are any. */
  get #inlineEnd(): number {
    return this.#inline.end;
  }

  get #windowStart(): number {
    return this.#window.start ?? this.#end;
  }

  #keep(entry: Entry): void {
    this.#window.keep(entry);
    this.#end += entry.bytes;
  }

  #keepInline(inline: Buffer): void {
    for (const { start, end, sequence } of records(inline)) {
      this.#inline.keep(storedEntry(start, inline.subarray(start, end), sequence));
    }
  }

  /** Find out what the stored records hold. */
  async #count(): Promise<void> {
    for await (const batch of this.read({ fromSequence: 0, follow: false, signal: new AbortController().signal })) {
      const { lastSequence, stdoutBytes, stderrBytes } = contentsOf(batch.bytes);
      this.#lastSequence = lastSequence;
      this.#stdoutBytes += stdoutBytes;
      this.#stderrBytes += stderrBytes;
    }
  }

  #lose({ sequence, stdoutBytes, stderrBytes }: Entry): void {
    this.#lost = joined(this.#lost, { firstSequence: sequence, lastSequence: sequence, stdoutBytes, stderrBytes });
    this.#lostBytes += stdoutBytes + stderrBytes;
  }

  /** Keep a record that no file can take any more, behind one that stands for what was lost before it. */
  #keepInTail(entry: Entry): void {
    const lost = this.#lost;
    this.#lost = nothing;
    if (lost.lastSequence > 0) {
      const record = encodeDropped(lost);
      this.#keep(storedEntry(this.#end, record, lost.lastSequence));
    }
    this.#keep({ ...entry, position: this.#end });
  }

  /** @param inlineWaitMs for more that could go with the first records for the row */
  async #write(inlineWaitMs = gatherMs): Promise<void> {
    // What lies before the files must not be missing after a crash.
    for (let waitMs = inlineWaitMs; this.#written < this.#inlineEnd; waitMs = gatherMs) await this.#writeInline(waitMs);
    const segments = this.#segments;
    while (segments !== undefined && this.#unwritten > 0) {
      // Where output comes quickly, a few large writes, to disk and then to watchers, cost less than many small ones.
      if (performance.now() - this.#lastWriteMs < gatherMs) await this.#gather(gatherMs);
      const entries = this.#window.last(this.#unwritten);
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
      try {
        if (await segments.append(entries)) await this.#save();
        this.#unwritten -= entries.length;
        this.#unwrittenBytes -= bytes;
        this.#written += bytes;
        this.#window.trim(windowBytes, this.#unwritten);
      } catch (error) {
        this.#fail(error as Error, segments);
      }
      this.#lastWriteMs = performance.now();
      this.#changes.notify();
      if (this.#unwrittenBytes <= lowWaterBytes) for (const resolve of this.#drainWaiters.splice(0)) resolve();
    }
    this.#writing = undefined;
  }

  /** Wait for a whole batch, but not for long. */
  async #gather(waitMs: number): Promise<void> {
    if (this.#unwrittenBytes < batchBytes && this.#flushes === 0) await this.#gathering.wait(waitMs);
  }

  async #writeInline(waitMs: number): Promise<void> {
    // Mostly the result is near, and is stored with all that comes before it; only then is this write not needed.
    if (this.#segments === undefined) await this.#gather(waitMs);
    const end = this.#inlineEnd;
    if (this.#written >= end) return;
    await this.#save();
    this.#written = Math.max(this.#written, end);
    this.#changes.notify();
  }

  #fail(error: Error, segments: Segments): void {
    this.#failure = error;
    this.#windowIsTail = true;
    const unwritten = this.#window.entries.filter((entry) => entry.position >= segments.end);
    this.#unwritten = this.#unwrittenBytes = 0;
    // What lies on disk is read from there; positions after it belong to what is kept.
    this.#window.clear();
    const held = unwritten.find((entry) => entry.position >= this.#heldFrom);
    this.#end = Math.max(segments.end, this.#written) + 1;
    for (const entry of unwritten) {
      if (entry === held) this.#heldFrom = this.#end;
      if (entry.bulk) this.#lose(entry);
      else this.#keepInTail(entry);
    }
    this.#written = this.#end;
  }

  /** A journal that cannot be written now gets the same again with the next change. */
  async #save(): Promise<void> {
    await this.#options.save?.().catch(() => undefined);
  }
}

/** A record that is stored already, and holds no output. */
function storedEntry(position: number, record: Buffer, sequence: number): Entry {
  return { position, pieces: [record], bytes: record.length, sequence, stdoutBytes: 0, stderrBytes: 0, bulk: false };
}
