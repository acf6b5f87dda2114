import { pipeline, Readable, type Transform } from "node:stream";

import type { OutputStream } from "@executor-host/sdk";

import { abortable } from "../abortable.ts";
import { messageOf, RequestFailure } from "../failure.ts";
import { showMs } from "../time-limit.ts";

export interface RelayOptions {
  readonly output: Pick<OutputStream, "write" | "drained">;
  /** Undo the content codings, in this order. */
  readonly decoders: readonly Transform[];
  readonly maxBytes: number;
  readonly overflow: "truncate" | "fail";
  /** Hand back what was passed on. */
  readonly keep: boolean;
  /** Longest silence, in milliseconds; 0 means no limit. */
  readonly idleTimeoutMs: number;
  /** Aborting also ends the wait for the output. */
  readonly signal: AbortSignal;
  /** What an error of the connection means. */
  readonly explain: (error: unknown) => unknown;
}

/** What became of a body. Counts as it goes, so that it also tells how far a body came that failed. */
export interface BodyCount {
  /** As it came over the wire, still compressed. */
  received: number;
  /** Passed on. */
  output: number;
  /** Over the limit; of a compressed body the rest is not unpacked, so that its length is not known. */
  dropped: number;
  truncated: boolean;
}

export function emptyCount(): BodyCount {
  return { received: 0, output: 0, dropped: 0, truncated: false };
}

/**
 * Pass a body on to the output as it arrives, no faster than the output takes it.
 *
 * Memory is bounded: by a few chunks, or by `maxBytes` when the body is to be kept. What is over the limit is still read to its end, so
 * that the server can finish its work; but nothing of it is unpacked, so that a small message cannot become a flood.
 *
 * @returns the bytes passed on, if they are to be kept
 * @throws {RequestFailure} `BODY_INCOMPLETE`, `BODY_UNDECODABLE`, `BODY_TOO_LARGE`, `TIMEOUT_BODY`
 */
export async function relayBody(body: Readable, count: BodyCount, options: RelayOptions): Promise<Buffer | undefined> {
  const { decoders, maxBytes, output, signal } = options;
  const kept: Buffer[] = [];
  try {
    for await (const chunk of decoded(body, count, options)) {
      const part = chunk.subarray(0, maxBytes - count.output);
      if (part.length < chunk.length) {
        if (options.overflow === "fail") throw tooLarge(maxBytes);
        count.truncated = true;
        if (decoders.length === 0) count.dropped += chunk.length - part.length;
      }
      if (part.length === 0) continue;
      count.output += part.length;
      if (options.keep) kept.push(part);
      if (!output.write(part)) await abortable(output.drained(), signal);
    }
  } catch (error) {
    // The end of a compressed body is kept from its decoder after the cut, and the decoder misses it.
    if (!(count.truncated && error instanceof Undecodable)) throw error;
  }
  return options.keep ? Buffer.concat(kept) : undefined;
}

class Undecodable extends RequestFailure {}

function tooLarge(maxBytes: number): RequestFailure {
  return new RequestFailure("BODY_TOO_LARGE", `body is larger than max_body_bytes: ${maxBytes}`, {
    hint: "raise max_body_bytes, or set body_overflow=truncate",
  });
}

async function* decoded(body: Readable, count: BodyCount, options: RelayOptions): AsyncGenerator<Buffer> {
  const { decoders } = options;
  const arrival = new Arrival(body, count, options);
  if (decoders.length === 0) {
    yield* arrival.chunks();
    return;
  }
  // The last stream also reports what goes wrong in those before it.
  const last = pipeline([Readable.from(arrival.chunks(), { objectMode: false }), ...decoders], () => {});
  try {
    yield* last as unknown as AsyncIterable<Buffer>;
  } catch (error) {
    if (arrival.failed) throw error;
    throw new Undecodable("BODY_UNDECODABLE", `body cannot be decompressed: ${messageOf(error)}`, { cause: error });
  }
}

/** A body as it comes off the wire. */
class Arrival {
  /** The body broke off; otherwise, errors are those of a decoder. */
  failed = false;
  readonly #body: Readable;
  readonly #count: BodyCount;
  readonly #options: RelayOptions;

  constructor(body: Readable, count: BodyCount, options: RelayOptions) {
    this.#body = body;
    this.#count = count;
    this.#options = options;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const count = this.#count;
    const { idleTimeoutMs, decoders } = this.#options;
    using silence = new Silence(idleTimeoutMs, (failure) => this.#body.destroy(failure));
    try {
      silence.begin();
      for await (const chunk of this.#body as AsyncIterable<Buffer>) {
        silence.end();
        count.received += chunk.length;
        if (decoders.length === 0 || !count.truncated) yield chunk;
        silence.begin();
      }
    } catch (error) {
      this.failed = true;
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    const failure = this.#options.explain(error);
    if (!(failure instanceof RequestFailure) || failure.code !== "CONNECTION_RESET") return failure;
    const message = `body ended early, after ${this.#count.received} bytes: ${failure.message}`;
    return new RequestFailure("BODY_INCOMPLETE", message, { cause: error });
  }
}

/** Measures how long nothing comes, but not how long the output makes us wait. */
class Silence implements Disposable {
  readonly #limitMs: number;
  readonly #onOver: (failure: RequestFailure) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, onOver: (failure: RequestFailure) => void) {
    this.#limitMs = limitMs;
    this.#onOver = onOver;
  }

  begin(): void {
    if (this.#limitMs <= 0) return;
    this.#timer = setTimeout(
      () =>
        this.#onOver(new RequestFailure("TIMEOUT_BODY", `nothing more of the body within ${showMs(this.#limitMs)}`)),
      this.#limitMs,
    );
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
