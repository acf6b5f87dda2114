import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { Address } from "../protocol/address.ts";
import { bindAt, type ListenPlace } from "./bind.ts";

/** A listener for bare connections. */
export interface NetListener {
  readonly address: Address;
  /** Take no more connections, and unlink the socket. Those taken are their owner's. */
  close(): void;
}

/**
 * Listen for bare connections.
 *
 * @throws {HostError} `ADDRESS_INVALID` when the socket path is too long, `LISTEN_FAILED` when nothing can be bound
 */
export async function listenForConnections(
  place: ListenPlace,
  onConnection: (connection: Socket) => void,
): Promise<NetListener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
  const address = await bindAt(place, {
    bindSocket: async (path) => void (await bind(server, { path })),
    bindPort: (host, port) => bind(server, { host, port }),
  });
  const close = (): void => {
    if (server.listening) server.close();
    if (address.network === "unix") rmSync(address.path, { force: true });
  };
  return { address, close };
}

function bind(server: Server, where: { path: string } | { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    const name = "path" in where ? where.path : `${where.host}:${where.port}`;
    const onError = (cause: Error): void =>
      reject(new HostError("LISTEN_FAILED", `cannot listen on ${name}: ${messageOf(cause)}`, { cause }));
    server.once("error", onError);
    server.listen(where, () => {
      server.off("error", onError);
      const bound = server.address();
      resolve(bound !== null && typeof bound === "object" ? bound.port : 0);
    });
  });
}
