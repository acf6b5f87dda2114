import type { Writable } from "node:stream";
import { hasColor, styler, type Styler } from "../log/style.ts";

/** Whoever read our output has gone. Not a failure: `head` does it. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** The output cannot be written, on a full disk perhaps. */
export class OutputFailedError extends Error {
  override readonly name = "OutputFailedError";
}

const defaultColumns = 80;

/** Standard output or standard error of a command. */
export class Output {
  readonly stream: Writable;
  readonly isTerminal: boolean;
  readonly hasColor: boolean;
  readonly style: Styler;
  /** Width of the terminal; 80 when there is none. */
  readonly columns: number;
  readonly #mustBeRead: boolean;

  /** @param mustBeRead whether a reader that has gone ends the command */
  constructor(
    stream: Writable & { readonly isTTY?: boolean; readonly columns?: number },
    env: Readonly<Record<string, string | undefined>>,
    mustBeRead: boolean,
  ) {
    this.stream = stream;
    this.isTerminal = stream.isTTY === true;
    this.hasColor = hasColor(stream, env);
    this.style = styler(this.hasColor);
    // A terminal that does not know its width says 0.
    this.columns = stream.columns || defaultColumns;
    this.#mustBeRead = mustBeRead;
    // Every write hears of its error by itself.
    stream.on("error", () => {});
  }

  /**
   * Write, and wait until the bytes are out: a slow reader slows the writer.
   *
   * @throws {OutputClosedError} when the reader has gone and must not
   * @throws {OutputFailedError}
   */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(data, (error) => {
        if (error === null || error === undefined) resolve();
        else if (!this.#mustBeRead) resolve();
        else reject(outputError(error));
      });
    });
  }

  /** Write text and a line end. */
  line(text = ""): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** Write a value as one line of JSON. */
  json(value: unknown): Promise<void> {
    return this.write(`${JSON.stringify(value)}\n`);
  }
}

function outputError(cause: Error): Error {
  if (isClosed(cause)) return new OutputClosedError("nobody reads the output", { cause });
  return new OutputFailedError(`cannot write the output: ${cause.message}`, { cause });
}

function isClosed(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "ERR_STREAM_WRITE_AFTER_END";
}
