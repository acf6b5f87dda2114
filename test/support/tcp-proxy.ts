import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A way to a server that tests can cut, and hold. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #port = 0;
  #isHeld = false;
  /** Connections that `freeze` has met. */
  readonly #frozen = new WeakSet<Socket>();
  #accepted = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = this.#create();
  }

  /** @param target `127.0.0.1:4222` @param port to listen on; default: any that is free */
  static async start(target: string, port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#port = port;
    await proxy.#listen();
    return proxy;
  }

  /** `127.0.0.1:PORT`, the same all the time. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Connections taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections there are now. */
  get open(): number {
    return [...this.#sockets].filter(({ destroyed }) => !destroyed).length / 2;
  }

  /** Cut all connections without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Keep back what the server says from now on, on every connection, until `release`. What clients say still arrives. */
  hold(): void {
    this.#isHeld = true;
  }

  /** As `hold`, for good, on the connections there are: later ones work. */
  freeze(): void {
    for (const socket of this.#sockets) this.#frozen.add(socket);
  }

  release(): void {
    this.#isHeld = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Cut everything, and refuse connections until `comeBack`. */
  async goAway(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut();
    await closed;
  }

  async comeBack(): Promise<void> {
    this.#server = this.#create();
    await this.#listen();
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #create(): Server {
    return createServer((client) => {
      this.#accepted++;
      const [host, port] = this.#target.split(":");
      const server = connect(Number(port), host);
      client.pipe(server);
      server.on("data", (data) => {
        if (this.#frozen.has(server)) return;
        if (!this.#isHeld) return void client.write(data);
        // It stays in the socket, but for this piece.
        server.pause();
        server.once("resume", () => client.write(data));
      });
      for (const [socket, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined); // cut on purpose
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.goAway();
  }
}
