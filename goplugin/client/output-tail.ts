import { limits } from "../protocol/defaults.ts";

/** The last bytes of an output, to explain an end. */
export class OutputTail {
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #totalBytes = 0;

  write(chunk: Buffer): void {
    // A copy of the end, so that a huge chunk is not kept alive for it.
    const kept = chunk.length > limits.tailBytes ? Buffer.from(chunk.subarray(-limits.tailBytes)) : chunk;
    this.#chunks.push(kept);
    this.#keptBytes += kept.length;
    this.#totalBytes += chunk.length;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (this.#keptBytes - first.length < limits.tailBytes) break;
      this.#keptBytes -= first.length;
      this.#chunks.shift();
    }
  }

  /** The kept end as text; starts at a line where something was cut off before it. */
  toString(): string {
    const tail = Buffer.concat(this.#chunks).subarray(-limits.tailBytes);
    return tail.subarray(this.#totalBytes > tail.length ? tail.indexOf("\n") + 1 : 0).toString();
  }
}
