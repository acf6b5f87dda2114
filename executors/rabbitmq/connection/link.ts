import { abortable, type PooledConnection } from "@executor-host/sdk/remote";
import type { ChannelModel } from "amqplib";

import { limits } from "../defaults.ts";
import { failure } from "../failure.ts";
import { PublishChannel } from "./publish-channel.ts";

/** The right to use a channel alone, until it is disposed of. */
export interface ChannelLease extends Disposable {
  readonly channel: PublishChannel;
}

/** A connection to a broker, and its channels. */
export class Link implements PooledConnection {
  readonly peer: string;
  readonly #model: ChannelModel;
  readonly #destroy: () => void;
  readonly #idle: PublishChannel[] = [];
  #lost = false;
  #retired = false;
  #blocked: string | undefined;
  #problem: Error | undefined;

  /** @param destroy closes the socket, without a word to anybody */
  constructor(model: ChannelModel, peer: string, destroy: () => void) {
    this.#model = model;
    this.peer = peer;
    this.#destroy = destroy;
    model.on("error", (error) => {
      this.#problem = error;
    });
    model.on("close", (error) => {
      this.#problem ??= error;
      this.#lost = true;
      destroy();
    });
    model.on("blocked", (reason: string) => {
      this.#blocked = reason;
    });
    model.on("unblocked", () => {
      this.#blocked = undefined;
    });
  }

  get usable(): boolean {
    return !this.#lost && !this.#retired;
  }

  /** Why the broker takes no messages at the moment, such as too little memory. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  /** Why the connection was lost. */
  get problem(): Error | undefined {
    return this.#problem;
  }

  /** Let nobody use it after those who do. */
  retire(): void {
    this.#retired = true;
  }

  /** @throws {RemoteFailure} `CONNECTION_LOST` @throws `signal.reason` */
  async lease(signal: AbortSignal): Promise<ChannelLease> {
    const channel = this.#takeIdle() ?? (await this.#open(signal));
    return {
      channel,
      [Symbol.dispose]: () => {
        if (channel.usable && this.usable && this.#idle.length < limits.idleChannels) this.#idle.push(channel);
        else channel.close();
      },
    };
  }

  #takeIdle(): PublishChannel | undefined {
    for (;;) {
      const channel = this.#idle.pop();
      if (channel === undefined || channel.usable) return channel;
    }
  }

  async #open(signal: AbortSignal): Promise<PublishChannel> {
    try {
      return new PublishChannel(await abortable(this.#model.createConfirmChannel(), signal), this);
    } catch (error) {
      signal.throwIfAborted();
      throw failure("CONNECTION_LOST", `the connection to ${this.peer} was lost`, { cause: error });
    }
  }

  /** A question that costs the broker nothing. */
  async check(signal: AbortSignal): Promise<boolean> {
    const channel = await abortable(this.#model.createChannel(), signal);
    channel.on("error", () => undefined);
    await abortable(channel.close(), signal);
    return true;
  }

  async close(): Promise<void> {
    this.#retired = true;
    if (!this.#lost) {
      await abortable(this.#model.close(), AbortSignal.timeout(limits.closeMs)).catch(() => undefined);
    }
    this.#destroy();
  }
}
