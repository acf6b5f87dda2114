import type { Duplex } from "node:stream";
import type { ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";
import { closeServer, createServer } from "../transport/listen.ts";

/** A gRPC server whose connections are given to it; TLS, if any, is inside each. */
export class StreamServer {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  #closing: Promise<void> | undefined;

  constructor(credentials: ServerCredentials, register: (server: Server) => void) {
    this.#server = createServer(register);
    this.#injector = this.#server.createConnectionInjector(credentials);
  }

  readonly take = (connection: Duplex): void => {
    if (this.#closing === undefined) this.#injector.injectConnection(connection);
    else connection.destroy();
  };

  /** Let calls finish for `drainMs`, then drop them. Idempotent. */
  close(options: { drainMs: number }): Promise<void> {
    this.#closing ??= closeServer(this.#server, options.drainMs);
    return this.#closing;
  }

  closeSync(): void {
    this.#closing ??= Promise.resolve();
    this.#server.forceShutdown();
  }
}
