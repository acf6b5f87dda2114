import { Metadata, status, type Client, type StatusObject } from "@grpc/grpc-js";
import { messageOf } from "./error.ts";

/** What a client's `getChannel` gives. */
type Channel = ReturnType<Client["getChannel"]>;

/** Who receives what comes of a call. */
export interface MessageListener {
  /** One encoded message. The next one comes after it, unless the stream is paused. What it throws ends the call with `INTERNAL`. */
  onMessage(message: Buffer): void;
  /** Comes exactly once, and last; also after `cancel`. */
  onEnd(status: StatusObject): void;
}

/**
 * A server-streaming call of encoded messages.
 *
 * It asks for one message after the other, so that no more than one is held here. A short call costs two thirds of the CPU time of one with
 * grpc-js's own object stream around it, and that is much of what an execution costs.
 */
export class MessageStream {
  readonly #call: ReturnType<Channel["createCall"]>;
  #isPaused = false;
  #isAsking = false;

  /** @param path `/package.Service/Method` */
  constructor(channel: Channel, path: string, request: Buffer, listener: MessageListener) {
    this.#call = channel.createCall(path, Number.POSITIVE_INFINITY, undefined, null, undefined);
    this.#call.start(new Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (message: Buffer) => {
        this.#isAsking = false;
        try {
          listener.onMessage(message);
        } catch (error) {
          this.#call.cancelWithStatus(status.INTERNAL, `the message cannot be used: ${messageOf(error)}`);
          return;
        }
        this.#ask();
      },
      onReceiveStatus: (end) => listener.onEnd(end),
    });
    this.#ask();
    this.#call.sendMessageWithContext({}, request);
    this.#call.halfClose();
  }

  /** Let no message come; one that has been asked for still does. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#ask();
  }

  /** Drop the call. */
  cancel(): void {
    this.#call.cancelWithStatus(status.CANCELLED, "cancelled by the caller");
  }

  #ask(): void {
    if (this.#isPaused || this.#isAsking) return;
    this.#isAsking = true;
    this.#call.startRead();
  }
}
