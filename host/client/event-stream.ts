import { status, type StatusObject } from "@grpc/grpc-js";
import type { MessageListener, MessageStream } from "@executor-host/proto/shared/message-stream";
import { decodeEvents } from "./decode.ts";
import type { Event } from "./types.ts";

export interface EventStreamOptions {
  /** Begins the call. */
  readonly start: (listener: MessageListener) => MessageStream;
  /** Turns how a call ended into our error. */
  readonly toError: (end: StatusObject) => Error;
  readonly signal: AbortSignal | undefined;
}

/**
 * The events of one call, for one reader. They come in batches.
 *
 * The call has begun when this is made. While nobody asks for the next event, at most two batches are held here and the rest waits with the
 * host. Leaving a `for await` early ends the call.
 */
export class EventStream implements AsyncIterableIterator<Event, undefined>, AsyncDisposable {
  readonly #call: MessageStream;
  readonly #toError: (end: StatusObject) => Error;
  readonly #signal: AbortSignal | undefined;
  #events: Event[] = [];
  #position = 0;
  /** The batch after that one, so that the next is on its way while one is read. */
  #following: Event[] | undefined;
  #isEnded = false;
  #failure: StatusObject | undefined;
  #wake = (): void => {};
  readonly #abort = (): void => this.#call.cancel();

  constructor({ start, toError, signal }: EventStreamOptions) {
    this.#toError = toError;
    this.#signal = signal;
    this.#call = start({
      onMessage: (message) => {
        this.#following = decodeEvents(message);
        this.#call.pause();
        this.#wake();
      },
      onEnd: (end) => {
        if (this.#isEnded) return;
        if (end.code !== status.OK) this.#failure = end;
        this.#end();
      },
    });
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
  }

  /** @throws {HostError} when the call failed, after all events that came before; `signal.reason` when it was aborted */
  async next(): Promise<IteratorResult<Event, undefined>> {
    for (;;) {
      const event = this.#events[this.#position];
      if (event !== undefined) {
        this.#position++;
        return { done: false, value: event };
      }
      if (this.#following !== undefined) {
        this.#events = this.#following;
        this.#position = 0;
        this.#following = undefined;
        this.#call.resume();
        continue;
      }
      if (this.#isEnded) return this.#finish();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** End the call; what it started goes on, unless it was asked not to. */
  async return(): Promise<IteratorResult<Event, undefined>> {
    this.#events = [];
    this.#following = undefined;
    this.#failure = undefined;
    if (!this.#isEnded) this.#call.cancel();
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #end(): void {
    this.#isEnded = true;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#wake();
  }

  #finish(): IteratorResult<Event, undefined> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure === undefined) return { done: true, value: undefined };
    if (this.#signal?.aborted === true) throw this.#signal.reason;
    throw this.#toError(failure);
  }
}
