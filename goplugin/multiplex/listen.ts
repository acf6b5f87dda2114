import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Address } from "../protocol/address.ts";
import type { ListenPlace } from "../transport/bind.ts";
import type { Listener } from "../transport/listen.ts";
import { YamuxSession } from "../yamux/session.ts";
import { Multiplexer } from "./multiplexer.ts";
import { listenForConnections, type NetListener } from "../transport/net-listener.ts";
import { StreamServer } from "../transport/stream-server.ts";

/** The one connection of a multiplexing plugin, from the time before there is a host. */
export class MultiplexedEndpoint {
  readonly multiplexer = new Multiplexer((stream) =>
    this.#server === undefined ? stream.destroy() : this.#server.take(stream),
  );
  #server: StreamServer | undefined;

  /**
   * Serve what `register` adds on every stream that nobody else expects.
   *
   * One host at a time: a further connection is dropped, unless the session of the first has ended.
   *
   * @throws {HostError} `ADDRESS_INVALID`, `LISTEN_FAILED`
   */
  async listen(
    place: ListenPlace,
    credentials: ServerCredentials,
    register: (server: Server) => void,
  ): Promise<Listener> {
    const server = new StreamServer(credentials, register);
    this.#server = server;
    const listener = await listenForConnections(place, (connection) => {
      if (this.multiplexer.hasSession) connection.destroy();
      else this.multiplexer.attach(new YamuxSession(connection, "server"));
    });
    return new MultiplexedListener(server, this.multiplexer, listener);
  }
}

class MultiplexedListener implements Listener {
  readonly #server: StreamServer;
  readonly #multiplexer: Multiplexer;
  readonly #listener: NetListener;

  constructor(server: StreamServer, multiplexer: Multiplexer, listener: NetListener) {
    this.#server = server;
    this.#multiplexer = multiplexer;
    this.#listener = listener;
  }

  get address(): Address {
    return this.#listener.address;
  }

  async close(options: { drainMs?: number } = {}): Promise<void> {
    await this.#server.close({ drainMs: options.drainMs ?? 0 });
    await this.#multiplexer.close();
    this.#listener.close();
  }

  closeSync(): void {
    this.#server.closeSync();
    void this.#multiplexer.close();
    this.#listener.close();
  }
}
