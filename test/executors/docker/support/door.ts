import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

/** A way to an engine over TCP, with TLS if there are options for it. It can be cut. */
export class Door implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(host: string, tls: TlsOptions | undefined) {
    const pass = (caller: Socket): void => {
      const engine = connect(host.replace("unix://", ""));
      caller.pipe(engine).pipe(caller);
      for (const socket of [caller, engine]) {
        this.#sockets.add(socket);
        // Cut on purpose, or refused.
        socket.on("error", () => undefined);
      }
    };
    this.#server = tls === undefined ? createServer(pass) : createTlsServer(tls, pass);
  }

  static async open(host: string, tls?: TlsOptions): Promise<Door> {
    const door = new Door(host, tls);
    door.#server.listen(0, "127.0.0.1");
    await once(door.#server, "listening");
    return door;
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cut all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
