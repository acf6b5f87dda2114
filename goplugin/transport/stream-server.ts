import { once } from "node:events";
import type { Duplex } from "node:stream";
import { Server, type ConnectionInjector, type ServerCredentials } from "@grpc/grpc-js";
import { settledWithin } from "../protocol/wait.ts";
import { messageOptions } from "./channel.ts";

/** A gRPC server whose connections are given to it; TLS, if any, is inside each. */
export class StreamServer {
  readonly #server = new Server(messageOptions);
  readonly #injector: ConnectionInjector;
  readonly #connections = new Set<Duplex>();
  #closing: Promise<void> | undefined;

  /** @param register adds the services */
  constructor(credentials: ServerCredentials, register: (server: Server) => void) {
    register(this.#server);
    this.#injector = this.#server.createConnectionInjector(credentials);
  }

  readonly take = (connection: Duplex): void => {
    if (this.#closing !== undefined) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.once("close", () => this.#connections.delete(connection));
    this.#injector.injectConnection(connection);
  };

  /** Let calls finish for `drainMs`, then drop them. Idempotent. */
  close(options: { drainMs: number }): Promise<void> {
    this.#closing ??= this.#close(options.drainMs);
    return this.#closing;
  }

  /** Drop everything, now. */
  closeSync(): void {
    this.#closing ??= Promise.resolve();
    this.#server.forceShutdown();
    // Those that have not even finished their TLS are none of gRPC's yet.
    for (const connection of this.#connections) connection.destroy();
  }

  async #close(drainMs: number): Promise<void> {
    if (drainMs > 0) await settledWithin(this.#drained(), drainMs);
    this.closeSync();
  }

  /** gRPC's own answer comes at once for connections that it was given, so those are waited for. */
  async #drained(): Promise<void> {
    this.#server.tryShutdown(() => undefined);
    const open = Array.from(this.#connections, (connection) => once(connection, "close"));
    await Promise.allSettled(open);
  }
}
