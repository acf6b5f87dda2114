import { randomInt } from "node:crypto";
import { chmodSync, chownSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Server, type ServerCredentials } from "@grpc/grpc-js";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { isAddressProblem, parseAddress, type Address } from "../protocol/address.ts";
import { settledWithin } from "../protocol/wait.ts";
import { messageOptions } from "./channel.ts";

/** Where and how one side opens its listeners. */
export type ListenPlace =
  | {
      readonly network: "unix";
      /** Sockets are made in here, with mode 0600. */
      readonly directory: string;
      /** Sockets are given to this group, with mode 0660. */
      readonly groupId?: number | undefined;
    }
  | {
      readonly network: "tcp";
      /** The first free port of this range on the loopback interface is taken; 0 means any. */
      readonly minPort: number;
      readonly maxPort: number;
    };

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
  const server = new Server(messageOptions);
  register(server);
  const address =
    place.network === "unix"
      ? await bindSocket(server, place, credentials)
      : await bindPort(server, place, credentials);
  return new GrpcListener(server, address);
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
    if (this.address.network === "unix") rmSync(this.address.path, { force: true });
  }

  async #close(drainMs: number): Promise<void> {
    if (drainMs > 0) {
      const drained = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
      await settledWithin(drained, drainMs);
    }
    this.closeSync();
  }
}

async function bindSocket(
  server: Server,
  place: Extract<ListenPlace, { network: "unix" }>,
  credentials: ServerCredentials,
): Promise<Address> {
  const address = parseAddress("unix", join(place.directory, `plugin${randomInt(2 ** 32)}`));
  if (isAddressProblem(address)) throw new HostError("ADDRESS_INVALID", address.problem, { hint: address.hint });
  if (address.network !== "unix") throw new TypeError("a unix address has a path");
  await bind(server, `unix://${address.path}`, credentials);
  if (place.groupId === undefined) {
    chmodSync(address.path, 0o600);
  } else {
    chownSync(address.path, -1, place.groupId);
    chmodSync(address.path, 0o660);
  }
  return address;
}

async function bindPort(
  server: Server,
  place: Extract<ListenPlace, { network: "tcp" }>,
  credentials: ServerCredentials,
): Promise<Address> {
  const host = "127.0.0.1";
  let cause: unknown;
  for (let candidate = place.minPort; candidate <= place.maxPort; candidate++) {
    try {
      return { network: "tcp", host, port: await bind(server, `${host}:${candidate}`, credentials) };
    } catch (error) {
      cause = error;
    }
  }
  throw new HostError("LISTEN_FAILED", `no free port from ${place.minPort} to ${place.maxPort}`, { cause });
}

function bind(server: Server, name: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(name, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new HostError("LISTEN_FAILED", `cannot listen on ${name}: ${messageOf(error)}`, { cause: error }));
    });
  });
}
