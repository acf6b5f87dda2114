import type { Channel } from "@executor-host/proto/executor";

/** How much of the stream's end is kept for comparison. */
const windowBytes = 16 * 1024;
/** An answer from this length on may have been cut to its end; no executor keeps less. */
const smallestKeptBytes = 1024;

/**
 * What an executor of Dkron's contract streamed, as far as it takes to tell what its answer adds.
 *
 * Most answers repeat the stream, cut to its end, with a remark behind it at times. An answer may also be something else altogether: a stream of
 * progress, and an answer with the outcome.
 *
 * Dkron's shell executor collects its answer from both channels at once: pieces of one overtake pieces of the other, and where two meet, one
 * is lost in the answer. Each channel by itself stays in order.
 */
export class StreamedOutput {
  #bytes = 0;
  /** The last pieces of both channels, in order, together no more than the window. */
  readonly #pieces: Buffer[] = [];
  #keptBytes = 0;
  /** The last piece of each channel, however long ago. */
  readonly #last = new Map<Channel, Buffer>();

  push(channel: Channel, output: Buffer): void {
    if (output.length === 0) return;
    this.#bytes += output.length;
    const piece = Buffer.from(output.subarray(-windowBytes));
    this.#last.set(channel, piece);
    this.#pieces.push(piece);
    this.#keptBytes += piece.length;
    while (this.#keptBytes > windowBytes) this.#keptBytes -= this.#pieces.shift()?.length ?? 0;
  }

  /** The part of an answer that was not streamed. */
  missingIn(answer: Buffer): Buffer {
    const repetition = answer.subarray(0, this.#bytes);
    if (this.#last.size < 2) {
      const end = endOf(Buffer.concat(this.#pieces), repetition);
      return answer.subarray(Math.max(end, 0));
    }
    if (!this.#isRepeatedIn(repetition)) return answer;
    const end = Math.max(...[...this.#last.values()].map((piece) => endOf(piece, repetition)));
    return answer.subarray(end < 0 ? this.#bytes : end);
  }

  /** Of two channels, every second piece may have been lost, and by chance more. */
  #isRepeatedIn(repetition: Buffer): boolean {
    const repeated = this.#pieces.filter((piece) => endOf(piece, repetition) >= 0);
    return repeated.length * 4 >= this.#pieces.length;
  }
}

/** Where the last occurrence of a piece ends; negative without one. */
function endOf(piece: Buffer, repetition: Buffer): number {
  const data = comparable(piece, repetition);
  const at = repetition.lastIndexOf(data);
  return at < 0 ? at : at + data.length;
}

/** As much of a piece's end as an answer holds that was cut to less than the piece, and has a remark as well. */
function comparable(piece: Buffer, answer: Buffer): Buffer {
  if (piece.length <= answer.length || answer.length < smallestKeptBytes) return piece;
  return piece.subarray(piece.length - (answer.length >> 1));
}
