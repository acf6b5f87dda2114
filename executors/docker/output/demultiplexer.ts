/** One channel of a container's output. */
export type Channel = "stdout" | "stderr";

const headerBytes = 8;

/**
 * Takes apart what an engine sends of a container without a terminal: frames of a header of 8 bytes (channel, three zeros, length as a big-endian
 * number) and as many bytes. Frames may be cut anywhere; nothing is copied but headers.
 */
export class Demultiplexer {
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #left = 0;
  #channel: Channel = "stdout";

  /** @throws {RangeError} for bytes that are no such stream */
  *push(chunk: Buffer): Generator<readonly [Channel, Buffer]> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const taken = chunk.copy(this.#header, this.#headerFilled, at, at + headerBytes - this.#headerFilled);
        at += taken;
        this.#headerFilled += taken;
        if (this.#headerFilled < headerBytes) return;
        this.#open();
        continue;
      }
      const data = chunk.subarray(at, at + this.#left);
      at += data.length;
      this.#left -= data.length;
      yield [this.#channel, data];
    }
  }

  /** Whether the last frame is whole. */
  get isComplete(): boolean {
    return this.#left === 0 && this.#headerFilled === 0;
  }

  #open(): void {
    const [type = 0, ...zeros] = this.#header.subarray(0, 4);
    if (type > 2 || zeros.some((zero) => zero !== 0)) throw new RangeError("the engine's stream is not in frames");
    this.#channel = type === 2 ? "stderr" : "stdout";
    this.#left = this.#header.readUInt32BE(4);
    this.#headerFilled = 0;
  }
}
