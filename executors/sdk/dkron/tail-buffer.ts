/** Keeps the last bytes of what is written. */
export class TailBuffer {
  readonly #maxBytes: number;
  #ring: Buffer | undefined;
  /** Bytes ever written. */
  #written = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  write(data: Uint8Array): void {
    const kept = data.length > this.#maxBytes ? data.subarray(data.length - this.#maxBytes) : data;
    this.#written += data.length - kept.length;
    this.#ring ??= Buffer.allocUnsafe(this.#maxBytes);
    const at = this.#written % this.#maxBytes;
    const untilEnd = kept.subarray(0, this.#maxBytes - at);
    this.#ring.set(untilEnd, at);
    this.#ring.set(kept.subarray(untilEnd.length), 0);
    this.#written += kept.length;
  }

  /** A copy of the last bytes, at most `maxBytes` of them. */
  bytes(maxBytes = this.#maxBytes): Buffer {
    if (this.#ring === undefined) return Buffer.alloc(0);
    const oldest = this.#written > this.#maxBytes ? this.#written % this.#maxBytes : 0;
    const newest = this.#ring.subarray(0, Math.min(this.#written, this.#maxBytes));
    const inOrder = Buffer.concat([newest.subarray(oldest), newest.subarray(0, oldest)]);
    return inOrder.subarray(Math.max(0, inOrder.length - maxBytes));
  }
}
