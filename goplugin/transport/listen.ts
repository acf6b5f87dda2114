import { rmSync } from "node:fs";
import { Server, type ServerCredentials } from "@grpc/grpc-js";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { Address } from "../protocol/address.ts";
import { settledWithin } from "../protocol/wait.ts";
import { bindAt, type ListenPlace } from "./bind.ts";
import { messageOptions } from "./channel.ts";

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
 * @throws {HostError} `ADDRESS_INVALID` when the socket path is too long, `LISTEN_FAILED` when nothing can be bound
 */
export async function listen(
  place: ListenPlace,
  credentials: ServerCredentials,
  register: (server: Server) => void,
): Promise<Listener> {
  const server = createServer(register);
  const address = await bindAt(place, {
    bindSocket: async (path) => void (await bind(server, `unix://${path}`, credentials)),
    bindPort: (host, port) => bind(server, `${host}:${port}`, credentials),
  });
  return new GrpcListener(server, address);
}

/** A gRPC server for a plugin link, bound to nothing yet. */
export function createServer(register: (server: Server) => void): Server {
  const server = new Server(messageOptions);
  register(server);
  return server;
}

/** Let the calls of a server finish for `drainMs`, then drop them. */
export async function closeServer(server: Server, drainMs: number): Promise<void> {
  if (drainMs > 0) {
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await settledWithin(drained, drainMs);
  }
  server.forceShutdown();
}

class GrpcListener implements Listener {
  readonly address: Address;
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  constructor(server: Server, address: Address) {
    this.#server = server;
    this.address = address;
  }

  close(options: { drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.drainMs ?? 0);
    return this.#closing;
  }

  closeSync(): void {
    this.#server.forceShutdown();
    removeSocket(this.address);
  }

  async #close(drainMs: number): Promise<void> {
    await closeServer(this.#server, drainMs);
    removeSocket(this.address);
  }
}

/** Unlink the socket of a listener, if it is one. */
export function removeSocket(address: Address): void {
  if (address.network === "unix") rmSync(address.path, { force: true });
}

function bind(server: Server, name: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(name, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new HostError("LISTEN_FAILED", `cannot listen on ${name}: ${messageOf(error)}`, { cause: error }));
    });
  });
}
