import { HostError } from "@executor-host/proto/shared/error";
import type { ConnInfo } from "@executor-host/proto/goplugin";
import { timeouts } from "../protocol/defaults.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import type { BrokerStream } from "./broker.ts";

/** The way to the other side's broker: the StartStream call of the moment, and the end of it all. */
export class BrokerLine {
  readonly #closing = new AbortController();
  #lastId = 0;
  #stream: BrokerStream | undefined;
  #streamArrived = Promise.withResolvers<void>();

  /** Aborted with `BROKER_CLOSED`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  nextId(): number {
    this.#lastId = (this.#lastId + 1) >>> 0;
    return this.#lastId;
  }

  attach(stream: BrokerStream): void {
    this.#stream = stream;
    this.#streamArrived.resolve();
  }

  /** @returns false when another call is in use by now */
  detach(stream: BrokerStream): boolean {
    if (this.#stream !== stream) return false;
    this.#stream = undefined;
    this.#streamArrived = Promise.withResolvers();
    return true;
  }

  /**
   * Say something to the other side, once there is a call.
   *
   * @throws {HostError} `BROKER_CLOSED` when there is none in 5 seconds, or no more
   * @throws `signal.reason` when aborted
   */
  async send(info: ConnInfo, signal: AbortSignal = this.closed): Promise<void> {
    try {
      await within(this.#streamArrived.promise, { timeoutMs: timeouts.brokerMs, signal });
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new HostError("BROKER_CLOSED", "the other side has not opened the broker's stream", {
        hint: "a go-plugin host opens it right after connecting",
      });
    }
    this.#stream?.write(info);
  }

  close(): void {
    this.#closing.abort(new HostError("BROKER_CLOSED", "broker is closed: the other side is gone or going"));
    this.#stream?.close();
  }
}
