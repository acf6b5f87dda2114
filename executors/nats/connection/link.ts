import { setImmediate } from "node:timers/promises";

import { abortable, type PooledConnection, type RemoteFailure } from "@executor-host/sdk/remote";
import type * as Nats from "nats";
import type { Msg, MsgHdrs, NatsConnection, ServerInfo } from "nats";

import { fail } from "../failure.ts";

/** What is sent. */
export interface Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly reply?: string | undefined;
}

export interface LinkOptions {
  /** The client library. */
  readonly nats: typeof Nats;
  /** `127.0.0.1:4222` */
  readonly peer: string;
  readonly inboxPrefix: string;
}

/** A connection, and what the server says of it beside the answers to anybody. */
export class Link implements PooledConnection {
  readonly peer: string;
  readonly nats: typeof Nats;
  /** Which stream takes a subject, as far as it was asked for. */
  readonly streams = new Map<string, { readonly name: string | undefined; readonly untilMs: number }>();
  readonly #connection: NatsConnection;
  readonly #inboxPrefix: string;
  readonly #lost = new AbortController();
  /** Called with the subjects that we may not publish to, or subscribe to. */
  readonly #onDenied = new Set<(operation: string, subject: string) => void>();
  #isLeaving = false;

  constructor(connection: NatsConnection, { nats, peer, inboxPrefix }: LinkOptions) {
    this.#connection = connection;
    this.nats = nats;
    this.peer = peer;
    this.#inboxPrefix = inboxPrefix;
    void connection.closed().then((error) => {
      const reason = error === undefined ? "closed by the other side" : error.message.replaceAll("'", "").toLowerCase();
      this.#lost.abort(fail("CONNECTION_LOST", `the connection to ${peer} was lost: ${reason}`, { cause: error }));
    });
    void this.#followStatus();
  }

  get usable(): boolean {
    return !this.#connection.isClosed() && !this.#isLeaving;
  }

  get info(): ServerInfo {
    const { info } = this.#connection;
    if (info === undefined) throw new TypeError("a connected server has told about itself");
    return info;
  }

  /** @throws {RemoteFailure} when the connection is lost meanwhile @throws `signal.reason` */
  async flush(signal: AbortSignal): Promise<void> {
    // The library would leave a flush waiting when the connection is lost.
    await this.#whileUp(this.#connection.flush(), signal);
    // What the server has said before its answer has been read, but not yet told.
    await setImmediate();
  }

  async check(signal: AbortSignal): Promise<boolean> {
    await this.flush(signal);
    return true;
  }

  /**
   * Send a message, and wait until the server has read it.
   *
   * @throws {RemoteFailure} `PERMISSION_DENIED`, `CONNECTION_LOST`
   * @throws `signal.reason`
   */
  async publish(message: Outgoing, signal: AbortSignal): Promise<void> {
    using denial = this.#watchDenial(message.subject);
    this.#send(message);
    await this.flush(signal);
    if (denial.failure !== undefined) throw denial.failure;
  }

  /**
   * Send a message, and take what comes back.
   *
   * @param onReply returns true when that was enough
   * @param mostReplies the server is told at once that no more are wanted
   * @throws {RemoteFailure} `PERMISSION_DENIED`, `CONNECTION_LOST`
   * @throws what `onReply` throws; `signal.reason`
   */
  async request(
    message: Outgoing,
    onReply: (reply: Msg) => boolean,
    signal: AbortSignal,
    mostReplies?: number,
  ): Promise<void> {
    const inbox = this.nats.createInbox(this.#inboxPrefix);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using denial = this.#watchDenial(message.subject, inbox, reject);
    let isOver = false;
    const subscription = this.#connection.subscribe(inbox, {
      ...(mostReplies !== undefined && { max: mostReplies }),
      callback: (error, reply) => {
        if (isOver) return;
        try {
          if (error !== null) reject(denial.failure ?? denied("subscription", inbox));
          else if (onReply(reply)) {
            isOver = true;
            resolve();
          }
        } catch (thrown) {
          reject(thrown);
        }
      },
    });
    try {
      this.#send({ ...message, reply: inbox });
      await this.#whileUp(promise, signal);
    } finally {
      isOver = true;
      if (!subscription.isClosed()) subscription.unsubscribe();
      promise.catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close().catch(() => undefined);
  }

  #send({ subject, payload, headers, reply }: Outgoing): void {
    if (this.#connection.isClosed())
      throw this.#lost.signal.reason ?? fail("CONNECTION_LOST", `the connection to ${this.peer} was lost`);
    this.#connection.publish(subject, payload, { ...(headers && { headers }), ...(reply !== undefined && { reply }) });
  }

  #whileUp<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
    return abortable(promise, signal, this.#lost.signal);
  }

  #watchDenial(
    subject: string,
    inbox?: string,
    onFailure?: (failure: RemoteFailure) => void,
  ): Disposable & { readonly failure: RemoteFailure | undefined } {
    const watch = {
      failure: undefined as RemoteFailure | undefined,
      [Symbol.dispose]: () => void this.#onDenied.delete(listener),
    };
    const listener = (operation: string, at: string): void => {
      if (at !== (operation === "publish" ? subject : inbox)) return;
      watch.failure ??= denied(operation, at);
      onFailure?.(watch.failure);
    };
    this.#onDenied.add(listener);
    return watch;
  }

  async #followStatus(): Promise<void> {
    for await (const { type, permissionContext } of this.#connection.status()) {
      // The server is about to go; others are there for the next execution.
      if (type === this.nats.Events.LDM) this.#isLeaving = true;
      if (permissionContext === undefined) continue;
      for (const tell of [...this.#onDenied]) tell(permissionContext.operation, permissionContext.subject);
    }
  }
}

function denied(operation: string, subject: string): RemoteFailure {
  return operation === "publish"
    ? fail("PERMISSION_DENIED", `the server does not permit us to publish to ${subject}`)
    : fail("PERMISSION_DENIED", `the server does not permit us to receive answers on ${subject}`, {
        hint: "set inbox_prefix to what the account allows",
      });
}
