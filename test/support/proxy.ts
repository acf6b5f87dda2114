import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** A way to a host that can be cut, as when a caller's machine dies. */
export class Proxy implements AsyncDisposable {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(address: string, server: Server, sockets: ReadonlySet<Socket>) {
    this.address = address;
    this.#server = server;
    this.#sockets = sockets;
  }

  /** @param path where to listen @param hostAddress `unix:/path` of the host */
  static async start(path: string, hostAddress: string): Promise<Proxy> {
    const sockets = new Set<Socket>();
    const server = createServer((caller) => {
      const host = connect(hostAddress.replace(/^unix:/, ""));
      caller.pipe(host).pipe(caller);
      for (const socket of [caller, host]) {
        sockets.add(socket);
        socket.on("error", () => undefined); // cut on purpose
      }
    });
    server.listen(path);
    await once(server, "listening");
    return new Proxy(`unix:${path}`, server, sockets);
  }

  /** Cut all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
