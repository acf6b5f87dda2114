import type { Socket } from "node:net";

import type { Client } from "undici";

import { limits } from "../defaults.ts";
import type { ConnectionFacts, Dialled } from "./dial.ts";

/** Thrown by a request that found its connection closed before anything was sent. */
export class ConnectionGone extends Error {
  override readonly name = "ConnectionGone";
}

export interface ConnectionOptions {
  /** Scheme, host and port of the target, for the `Host` header. */
  readonly origin: string;
  readonly client: typeof Client;
  readonly dialled: Dialled;
  /** Called once, when the socket is closed. */
  readonly onClose: (connection: Connection) => void;
}

/** One open connection and the HTTP client on top of it. It never reconnects by itself. */
export class Connection implements AsyncDisposable {
  readonly client: Client;
  readonly facts: ConnectionFacts;
  /** Requests in flight. */
  active = 0;
  /** Requests it has taken so far. */
  taken = 0;
  /** The first error of the socket. The client reports the last one, which for a TLS alert is merely that the socket was closed. */
  error: Error | undefined;
  readonly #socket: Socket;
  /** The client has the socket, and watches over it. */
  #handed = false;
  /** It takes no more requests; those in flight may still end well. */
  #closing = false;

  constructor({ origin, client: HttpClient, dialled, onClose }: ConnectionOptions) {
    const { socket, facts } = dialled;
    this.facts = facts;
    this.#socket = socket;
    this.client = new HttpClient(origin, {
      connect: (_options, callback) => {
        const first = !this.#handed;
        this.#handed = true;
        // The client does not expect to be called back at once.
        queueMicrotask(() => {
          if (first && !socket.destroyed) callback(null, socket);
          else callback(new ConnectionGone("the connection was closed"), null);
        });
      },
      pipelining: 1,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.maxKeepAliveMs,
      // Waiting is limited per request, by the one who makes it.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: limits.responseHeadBytes,
      h2Options: { maxConcurrentStreams: limits.streamsPerConnection },
    });
    this.client.on("disconnect", () => (this.#closing = true));
    socket.on("error", (error) => (this.error ??= error));
    socket.once("close", () => onClose(this));
  }

  /** Can it take another request? */
  get available(): boolean {
    const open = !this.#closing && !this.#socket.destroyed;
    return open && this.active < (this.facts.http2 ? limits.streamsPerConnection : 1);
  }

  /** Is it worth keeping? One that has not carried a request yet is watched by nobody, and would stay open for ever. */
  get keepable(): boolean {
    return this.#handed && !this.#closing && !this.#socket.destroyed;
  }

  /** Close at once, with whatever is in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#socket.destroy();
    await this.client.destroy();
  }
}
