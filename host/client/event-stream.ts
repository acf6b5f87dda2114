import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { Event } from "./types.ts";

/** Events come in batches. */
type Batches = ClientReadableStream<Event[]>;

/**
 * The events of one call, for one reader.
 *
 * The call has begun when this is made. While nobody asks for the next event, at most one batch is held here and the rest waits with the
 * host. Leaving a `for await` early ends the call.
 */
export class EventStream implements AsyncIterableIterator<Event, undefined>, AsyncDisposable {
  readonly #call: Batches;
  readonly #toError: (error: ServiceError) => Error;
  readonly #signal: AbortSignal | undefined;
  #events: Event[] = [];
  #position = 0;
  #isEnded = false;
  #failure: Error | undefined;
  #wake = (): void => {};
  readonly #abort = (): void => this.#call.cancel();

  /** @param toError turns an error of the call into ours */
  constructor(call: Batches, toError: (error: ServiceError) => Error, signal: AbortSignal | undefined) {
    this.#call = call;
    this.#toError = toError;
    this.#signal = signal;
    // In the tick of the call: a stream nobody listens to is read without limit.
    call.on("data", (events: Event[]) => {
      this.#events = this.#position < this.#events.length ? [...this.#events.slice(this.#position), ...events] : events;
      this.#position = 0;
      call.pause();
      this.#wake();
    });
    call.on("error", (error: ServiceError) => {
      this.#failure = error;
      // Otherwise what has arrived is read first, and `end` follows.
      if (call.readableLength === 0) this.#end();
    });
    call.on("end", () => this.#end());
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
      if (this.#isEnded) return this.#finish();
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#call.resume();
      await woken;
    }
  }

  /** End the call; what it started goes on, unless it was asked not to. */
  async return(): Promise<IteratorResult<Event, undefined>> {
    this.#events = [];
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
    throw this.#toError(failure as ServiceError);
  }
}
