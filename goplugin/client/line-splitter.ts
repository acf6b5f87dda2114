import { StringDecoder } from "node:string_decoder";
import { limits } from "../protocol/defaults.ts";

/** Takes one line without its line feed; `isComplete` is false for a piece of a line that is too long. */
export type LineHandler = (line: string, isComplete: boolean) => void;

/**
 * Cuts bytes into lines. UTF-8 survives any chunking; a line beyond the limit comes in pieces, so that an endless one costs no memory.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: LineHandler;
  readonly #maxCharacters: number;
  #rest = "";
  #isInsideLongLine = false;

  constructor(onLine: LineHandler, maxCharacters: number = limits.lineCharacters) {
    this.#onLine = onLine;
    this.#maxCharacters = maxCharacters;
  }

  /** The start of a line that has not ended yet. */
  get unfinished(): string {
    return this.#rest;
  }

  write(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** No more bytes: an unfinished last line counts as one. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#rest !== "") this.#emitLine(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#emitLine(line);
    while (this.#rest.length > this.#maxCharacters) {
      this.#isInsideLongLine = true;
      this.#onLine(this.#rest.slice(0, this.#maxCharacters), false);
      this.#rest = this.#rest.slice(this.#maxCharacters);
    }
  }

  #emitLine(line: string): void {
    const isComplete = !this.#isInsideLongLine && line.length <= this.#maxCharacters;
    this.#isInsideLongLine = false;
    this.#onLine(line.endsWith("\r") ? line.slice(0, -1) : line, isComplete);
  }
}
