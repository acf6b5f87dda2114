import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Address } from "../protocol/address.ts";
import type { ListenPlace } from "./bind.ts";
import { listenForConnections, type NetListener } from "./net-listener.ts";
import { StreamServer } from "./stream-server.ts";

/** A gRPC server that is accepting calls. */
export interface Listener {
  readonly address: Address;
  /** Let calls finish for `drainMs`, then drop them. The socket is gone at the end. Idempotent. */
  close(options?: { drainMs?: number }): Promise<void>;
  /** Drop everything and unlink the socket, now. */
  closeSync(): void;
}

/**
 * Start a gRPC server with the services that `register` adds.
 *
 * The listener is ours and not gRPC's, which would print a line of its own on stderr for every port that is taken.
 *
 * @throws {HostError} `ADDRESS_INVALID` when the socket path is too long, `LISTEN_FAILED` when nothing can be bound
 */
export async function listen(
  place: ListenPlace,
  credentials: ServerCredentials,
  register: (server: Server) => void,
): Promise<Listener> {
  const server = new StreamServer(credentials, register);
  try {
    return new GrpcListener(server, await listenForConnections(place, server.take));
  } catch (error) {
    server.closeSync();
    throw error;
  }
}

class GrpcListener implements Listener {
  readonly #server: StreamServer;
  readonly #listener: NetListener;

  constructor(server: StreamServer, listener: NetListener) {
    this.#server = server;
    this.#listener = listener;
  }

  get address(): Address {
    return this.#listener.address;
  }

  async close(options: { drainMs?: number } = {}): Promise<void> {
    await this.#server.close({ drainMs: options.drainMs ?? 0 });
    this.#listener.close();
  }

  closeSync(): void {
    this.#server.closeSync();
    this.#listener.close();
  }
}
