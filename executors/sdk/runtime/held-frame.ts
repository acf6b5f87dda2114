import { maxOutputBytes } from "@executor-host/proto/shared/frame";
import type { Channel } from "./event.ts";

const firstBytes = 1024;

/** Output of one channel that is on its way into one frame. Grows with what it holds, up to the largest frame. */
export class HeldFrame {
  readonly channel: Channel;
  #buffer = Buffer.allocUnsafe(firstBytes);
  #bytes = 0;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get isFull(): boolean {
    return this.#bytes === maxOutputBytes;
  }

  get data(): Buffer {
    return this.#buffer.subarray(0, this.#bytes);
  }

  /** Copy as much as there is room for. @returns how many bytes that was */
  append(data: Uint8Array): number {
    const taken = Math.min(data.length, maxOutputBytes - this.#bytes);
    const needed = this.#bytes + taken;
    if (needed > this.#buffer.length) this.#grow(needed);
    this.#buffer.set(taken === data.length ? data : data.subarray(0, taken), this.#bytes);
    this.#bytes = needed;
    return taken;
  }

  #grow(neededBytes: number): void {
    const larger = Buffer.allocUnsafe(Math.min(maxOutputBytes, neededBytes * 2));
    larger.set(this.data);
    this.#buffer = larger;
  }
}
