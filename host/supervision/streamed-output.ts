/** How much of the stream's end is kept for comparison. */
const windowBytes = 16 * 1024;

/**
 * What an executor of Dkron's contract streamed, as far as it takes to tell what its answer adds.
 *
 * Most answers repeat the stream, cut to its end, with a remark behind it at times. An answer may also be something else altogether: a stream of
 * progress, and an answer with the outcome.
 */
export class StreamedOutput {
  #bytes = 0;
  /** The last pieces, in order, together no more than the window. */
  readonly #pieces: Buffer[] = [];
  #keptBytes = 0;

  push(data: Buffer): void {
    if (data.length === 0) return;
    this.#bytes += data.length;
    const piece = Buffer.from(data.subarray(-windowBytes));
    this.#pieces.push(piece);
    this.#keptBytes += piece.length;
    while (this.#keptBytes > windowBytes) this.#keptBytes -= this.#pieces.shift()?.length ?? 0;
  }

  /** The part of an answer that was not streamed. */
  missingIn(answer: Buffer): Buffer {
    const repetition = answer.subarray(0, this.#bytes);
    if (!this.#pieces.every((piece) => repetition.includes(comparable(piece, answer)))) return answer;
    const end = comparable(Buffer.concat(this.#pieces), answer);
    if (endsWith(repetition, end)) return answer.subarray(repetition.length);
    const at = answer.lastIndexOf(end);
    // Not found: pieces of the two channels overtook each other on one of the two ways.
    return answer.subarray(at < 0 ? this.#bytes : at + end.length);
  }
}

/** As much of a piece's end as an answer holds that was cut to less than the piece, and has a remark as well. */
function comparable(piece: Buffer, answer: Buffer): Buffer {
  return piece.length <= answer.length ? piece : piece.subarray(piece.length - (answer.length >> 1));
}

function endsWith(data: Buffer, end: Buffer): boolean {
  return data.subarray(Math.max(0, data.length - end.length)).equals(end);
}
