/**
 * Whole records to be sent as one message.
 *
 * They stay in pieces until somebody copies them anyway: for large output, a copy less is a tenth of the host's work. Has of a buffer what
 * gRPC asks for when it puts an encoded message into a frame: `byteLength` and `copy`.
 */
export class Batch {
  readonly byteLength: number;
  readonly #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
    this.byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** All in one buffer; a copy, if there are several pieces. */
  get bytes(): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
  }

  /** Copy all into a buffer that has room for it, from a position on. */
  copy(target: Buffer, position: number): void {
    let at = position;
    for (const piece of this.#pieces) at += piece.copy(target, at);
  }
}
