import { abortable, RemoteFailure } from "@executor-host/sdk/remote";
import type { ConfirmChannel, ConsumeMessage, Message, Options } from "amqplib";

import { failure, refusal, type Request } from "../failure.ts";
import type { Link } from "./link.ts";

/** Where a message goes, and what it is. */
export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: Options.Publish;
}

/** Why a broker has given a message back. */
export interface Returned {
  readonly code: number;
  readonly text: string;
}

interface ReturnFields {
  readonly replyCode: number;
  readonly replyText: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/** What a broker says of a message. */
export type Verdict = "confirmed" | "nacked" | Returned;

/** A message without an answer yet. */
interface Pending {
  readonly message: Outgoing;
  returned: Returned | undefined;
}

/** A channel on which the broker confirms what is published; for one execution at a time. */
export class PublishChannel {
  readonly link: Link;
  readonly #channel: ConfirmChannel;
  #closed = false;
  #spoiled = false;
  #problem: Error | undefined;
  /** Oldest first. */
  readonly #pending = new Set<Pending>();

  constructor(channel: ConfirmChannel, link: Link) {
    this.#channel = channel;
    this.link = link;
    channel.on("error", (error) => {
      this.#problem = error;
    });
    channel.on("close", () => {
      this.#closed = true;
    });
    channel.on("return", (message: Message) => this.#noteReturned(message));
  }

  /** May be used for another execution. */
  get usable(): boolean {
    return !this.#closed && !this.#spoiled;
  }

  /**
   * Ask the broker for something that is no message, such as a declaration.
   *
   * @throws {RemoteFailure} the broker's no @throws `signal.reason`
   */
  async ask<T>(request: Request, ask: (channel: ConfirmChannel) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await abortable(ask(this.#channel), signal);
    } catch (error) {
      this.#spoiled = true;
      throw this.#explain(error, request, signal);
    }
  }

  /**
   * Publish, and wait for what the broker says. A message that is given back comes before its confirmation.
   *
   * @throws {RemoteFailure} the broker's no to the whole channel, or that the connection was lost @throws `signal.reason`
   */
  async publish(message: Outgoing, signal: AbortSignal): Promise<Verdict> {
    const { exchange, routingKey, content, properties } = message;
    const pending: Pending = { message, returned: undefined };
    this.#pending.add(pending);
    const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
    try {
      this.#channel.publish(exchange, routingKey, content, properties, (error: Error | null) => {
        if (error === null) resolve(pending.returned ?? "confirmed");
        else if (error.message === "message nacked") resolve("nacked");
        else reject(error);
      });
      return await abortable(promise, signal);
    } catch (error) {
      this.#spoiled = true;
      // The broker's reason follows, or has come before.
      throw this.#explain(error, "publish", signal);
    } finally {
      this.#pending.delete(pending);
    }
  }

  /**
   * Publish without waiting for a confirmation. What the broker says at once is heard: that the exchange is not there, that no queue gets the
   * message; not whether it has stored the message.
   *
   * @throws as `publish`
   */
  async publishUnconfirmed(message: Outgoing, signal: AbortSignal): Promise<"sent" | Returned> {
    const { exchange, routingKey, content, properties } = message;
    const pending: Pending = { message, returned: undefined };
    this.#pending.add(pending);
    try {
      this.#channel.publish(exchange, routingKey, content, properties);
      // A broker answers in order, so the answer to a question of no consequence comes after all that.
      await abortable(this.#channel.prefetch(1), signal);
    } catch (error) {
      this.#spoiled = true;
      throw this.#explain(error, "publish", signal);
    } finally {
      this.#pending.delete(pending);
    }
    return pending.returned ?? "sent";
  }

  /** Receive messages from a queue; the channel serves nobody else afterwards. */
  async consume(
    queue: string,
    onMessage: (message: ConsumeMessage | null) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await this.ask("consume", (channel) => channel.consume(queue, onMessage, { noAck: true }), signal);
    this.#spoiled = true;
  }

  /** @param listener gets why the channel was closed, unless it was by us */
  onClose(listener: (problem: unknown) => void): void {
    this.#channel.once("close", () => listener(this.#explain(this.#problem, "consume", new AbortController().signal)));
  }

  /** Never rejects. */
  close(): void {
    if (!this.#closed && this.link.usable) this.#channel.close().catch(() => undefined);
  }

  /** The broker does not number what it gives back: it is the oldest that looks like it. */
  #noteReturned({ fields, content }: Message): void {
    const { replyCode, replyText, exchange, routingKey } = fields as unknown as ReturnFields;
    for (const pending of this.#pending) {
      const { message, returned } = pending;
      if (returned !== undefined || message.routingKey !== routingKey || message.exchange !== exchange) continue;
      if (!message.content.equals(content)) continue;
      pending.returned = { code: replyCode, text: replyText };
      return;
    }
  }

  #explain(error: unknown, request: Request, signal: AbortSignal): unknown {
    if (signal.aborted) {
      const { blocked, peer } = this.link;
      const timedOut = signal.reason instanceof RemoteFailure && signal.reason.outcome === "TIMED_OUT";
      if (!timedOut || blocked === undefined) return signal.reason;
      return failure("BROKER_BLOCKED", `${peer} takes no messages at the moment: ${blocked}`, { cause: error });
    }
    const known = refusal(this.#problem, request) ?? refusal(error, request);
    if (known !== undefined) return known;
    const reason = this.link.problem?.message;
    const because = reason === undefined ? "" : `: ${reason}`;
    return failure("CONNECTION_LOST", `the connection to ${this.link.peer} was lost${because}`, { cause: error });
  }
}
