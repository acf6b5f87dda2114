import { maxOutputBytes } from "@executor-host/proto/shared/frame";
import type { Channel, OutputEvent } from "./event.ts";

export interface OutputQueueOptions {
  /** How long small writes are held back to be sent together, in milliseconds. */
  readonly coalesceMs: number;
  /** Send one frame; false means that `drained` must resolve before the next. */
  readonly send: (event: OutputEvent) => boolean;
  readonly drained: () => Promise<void>;
}

/** Bytes of one channel, written one after the other. */
interface Run {
  readonly channel: Channel;
  readonly pieces: Uint8Array[];
  bytes: number;
}

/**
 * Puts small writes together, keeps order across both channels, and stops when the receiver does.
 *
 * A run of bytes of one channel ends when the other channel is written to. Everything but the last run is sent at once; the last is held
 * back until it fills a frame or its time is up.
 */
export class OutputQueue {
  readonly #options: OutputQueueOptions;
  readonly #offsets: Record<Channel, number> = { stdout: 0, stderr: 0 };
  #runs: Run[] = [];
  #timer: NodeJS.Timeout | undefined;
  #blocked: Promise<void> | undefined;
  #closed = false;

  constructor(options: OutputQueueOptions) {
    this.#options = options;
  }

  /** @returns false: wait for `drained()` */
  write(channel: Channel, data: Uint8Array | string): boolean {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#closed || bytes.length === 0) return true;
    const last = this.#runs.at(-1);
    if (last?.channel === channel) {
      last.pieces.push(bytes);
      last.bytes += bytes.length;
    } else this.#runs.push({ channel, pieces: [bytes], bytes: bytes.length });
    this.#pump(false);
    if (this.#runs.length > 0 && this.#blocked === undefined) {
      this.#timer ??= setTimeout(() => this.flush(), this.#options.coalesceMs);
    }
    return this.#blocked === undefined;
  }

  async drained(): Promise<void> {
    while (this.#blocked !== undefined && !this.#closed) await this.#blocked;
  }

  /** Send what is held back, as far as the receiver takes it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump(true);
  }

  /** Send everything, however long the receiver takes, then take no more. */
  async finish(): Promise<void> {
    this.flush();
    await this.drained();
    this.discard();
  }

  /** Drop what is left and take no more. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#closed = true;
    this.#runs = [];
  }

  #pump(everything: boolean): void {
    while (this.#blocked === undefined) {
      const run = this.#runs[0];
      if (run === undefined) return;
      if (this.#runs.length === 1 && run.bytes < maxOutputBytes && !everything) return;
      const data = take(run, maxOutputBytes);
      if (run.bytes === 0) this.#runs.shift();
      const offset = this.#offsets[run.channel];
      this.#offsets[run.channel] = offset + data.length;
      if (!this.#options.send({ type: "output", channel: run.channel, offset, data }))
        this.#blocked = this.#waitForRoom();
    }
  }

  async #waitForRoom(): Promise<void> {
    await this.#options.drained();
    this.#blocked = undefined;
    // It has waited long enough to be sent, however little it is.
    this.flush();
  }
}

/** Remove up to `maxBytes` from the front of a run; copies only when several pieces make up one frame. */
function take(run: Run, maxBytes: number): Uint8Array {
  const size = Math.min(run.bytes, maxBytes);
  run.bytes -= size;
  const first = run.pieces[0];
  if (first !== undefined && first.length >= size) {
    if (first.length === size) run.pieces.shift();
    else run.pieces[0] = first.subarray(size);
    return first.subarray(0, size);
  }
  const frame = Buffer.allocUnsafe(size);
  let at = 0;
  let used = 0;
  while (at < size) {
    const piece = run.pieces[used];
    if (piece === undefined) throw new RangeError("a run holds fewer bytes than it counts");
    const part = piece.subarray(0, size - at);
    frame.set(part, at);
    at += part.length;
    if (part.length === piece.length) used++;
    else run.pieces[used] = piece.subarray(part.length);
  }
  run.pieces.splice(0, used);
  return frame;
}
