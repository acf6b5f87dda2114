import { maxOutputBytes } from "@executor-host/proto/shared/frame";
import type { Channel, OutputEvent } from "./event.ts";
import { HeldFrame } from "./held-frame.ts";

export interface OutputQueueOptions {
  /** How long small writes are held back to be sent together, in milliseconds. */
  readonly coalesceMs: number;
  /** Send one frame, whose data is only lent; false means that `drained` must resolve before the next. */
  readonly send: (event: OutputEvent) => boolean;
  readonly drained: () => Promise<void>;
}

/**
 * Puts small writes together, keeps order across both channels, and stops when the receiver does.
 *
 * What fills a frame is sent from the writer's own memory. The rest is copied: the last frame is held back until it is full or its time is
 * up, all before it are sent at once. A frame ends when it is full or the other channel is written to.
 */
export class OutputQueue {
  readonly #options: OutputQueueOptions;
  readonly #offsets: Record<Channel, number> = { stdout: 0, stderr: 0 };
  readonly #held: HeldFrame[] = [];
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
    let taken = 0;
    while (taken < bytes.length) {
      const last = this.#held.at(-1);
      const rest = bytes.length - taken;
      if (last?.channel === channel && !last.isFull) taken += last.append(bytes.subarray(taken));
      else {
        this.#pump(true);
        if (this.#blocked === undefined && rest >= maxOutputBytes) {
          this.#send(channel, bytes.subarray(taken, taken + maxOutputBytes));
          taken += maxOutputBytes;
        } else this.#held.push(new HeldFrame(channel));
      }
    }
    this.#pump(false);
    if (this.#held.length > 0 && this.#blocked === undefined) {
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
    this.#held.length = 0;
  }

  #pump(everything: boolean): void {
    while (this.#blocked === undefined) {
      const first = this.#held[0];
      if (first === undefined || (this.#held.length === 1 && !first.isFull && !everything)) return;
      this.#held.shift();
      this.#send(first.channel, first.data);
    }
  }

  #send(channel: Channel, data: Uint8Array): void {
    const offset = this.#offsets[channel];
    this.#offsets[channel] = offset + data.length;
    if (!this.#options.send({ type: "output", channel, offset, data })) this.#blocked = this.#waitForRoom();
  }

  async #waitForRoom(): Promise<void> {
    await this.#options.drained();
    this.#blocked = undefined;
    // It has waited long enough to be sent, however little it is.
    this.flush();
  }
}
