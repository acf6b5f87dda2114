import type { JsonObject, Report } from "@executor-host/sdk";
import { RemoteFailure } from "@executor-host/sdk/remote";

import type { Delivered } from "./delivery/deliver.ts";
import type { FailureCode } from "./failure.ts";

/** Messages named one by one; the output names all. */
const namedMessages = 100;

/** Failures after which no queue has the message. */
const refusals: ReadonlySet<string> = new Set<FailureCode>([
  "UNROUTABLE",
  "EXCHANGE_NOT_FOUND",
  "NOT_ALLOWED",
  "MESSAGE_TOO_LARGE",
  "MESSAGE_REFUSED",
]);

/** What has become of an execution's messages. */
export class Delivery {
  /** How many there are. */
  expected = 0;
  /** What is known of the reply. */
  reply: JsonObject | undefined;
  readonly #confirm: boolean;
  readonly #first: Delivered[] = [];
  #count = 0;
  #bytes = 0;
  /** Messages that are out without an answer, or without one that tells what has become of them. */
  #open = 0;

  constructor(confirm: boolean) {
    this.#confirm = confirm;
  }

  get count(): number {
    return this.#count;
  }

  sending(): void {
    this.#open++;
  }

  add(delivered: Delivered): void {
    this.#open--;
    this.#count++;
    this.#bytes += delivered.bytes;
    if (this.#first.length < namedMessages) this.#first.push(delivered);
  }

  /** Why a message was not confirmed may say what has become of it. */
  failed(error: unknown, exchange: string): void {
    if (!(error instanceof RemoteFailure)) return;
    // An exchange may have brought the message to other queues than the one that has turned it away.
    const isNackedByOne = error.code === "NACKED" && exchange === "";
    // What closes the channel is about one message, and nobody says about which.
    const isClear = error.code === "UNROUTABLE" || error.code === "EXCHANGE_NOT_FOUND" || this.#open === 1;
    if (isNackedByOne || (isClear && refusals.has(error.code))) this.#open--;
  }

  /** Has a queue got a message? Undefined: nobody can tell. */
  get effect(): Report["effect"] {
    if (this.#count > 0) return this.#confirm ? "HAPPENED" : undefined;
    return this.#open === 0 ? "NONE" : undefined;
  }

  /**
   * Keys: `published`, how many the broker has confirmed; `unpublished`, how many it has not, some of which may be on their way; `bytes`; `messages`, the first hundred
   * (`exchange`, `routingKey`, `messageId`, `bytes`, `confirmed`, `answerMs`); `reply` (`bytes`, `contentType`, `type`, `messageId`, `waitedMs`).
   */
  evidence(): JsonObject {
    return {
      published: this.#count,
      unpublished: this.expected - this.#count,
      bytes: this.#bytes,
      messages: this.#first.map((one) => ({ ...one, answerMs: Math.round(one.answerMs * 10) / 10 })),
      reply: this.reply,
    };
  }
}
