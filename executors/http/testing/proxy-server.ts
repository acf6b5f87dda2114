import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from "node:net";

export interface ProxyOptions {
  /** `user:password`; others are turned away. */
  readonly credentials?: string;
  /** Where names lead: every target name is taken for this machine. */
  readonly tls?: ServerOptions;
  /** Status to refuse every tunnel with. */
  readonly refuse?: number;
}

/** What was asked of a proxy. */
export interface ProxySeen {
  readonly kind: "tunnel" | "forward" | "socks5";
  /** `host:port`, or the whole URL of a forwarded request. */
  readonly target: string;
}

/** An HTTP proxy that takes every name for this machine. */
export class TestProxy implements AsyncDisposable {
  readonly seen: ProxySeen[] = [];
  readonly #server: Server | TcpServer;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server | TcpServer, scheme: string) {
    this.#server = server;
    this.#scheme = scheme;
    server.on("connection", (socket: Socket) => this.#track(socket));
  }

  static async http(options: ProxyOptions = {}): Promise<TestProxy> {
    const server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
    const proxy = new TestProxy(server, options.tls === undefined ? "http" : "https");
    const admits = (asked: IncomingMessage): boolean =>
      options.credentials === undefined ||
      asked.headers["proxy-authorization"] === `Basic ${Buffer.from(options.credentials).toString("base64")}`;
    server.on("connect", (asked: IncomingMessage, client: Socket) => {
      proxy.seen.push({ kind: "tunnel", target: asked.url ?? "" });
      const refusal = admits(asked) ? options.refuse : 407;
      if (refusal !== undefined) return void client.end(`HTTP/1.1 ${refusal} No\r\n\r\n`);
      const port = Number(asked.url?.split(":").at(-1));
      const target = proxy.#track(connect(port, "127.0.0.1"));
      target.once("connect", () => {
        client.write("HTTP/1.1 200 Connected\r\n\r\n");
        client.pipe(target).pipe(client);
      });
      return undefined;
    });
    server.on("request", (asked: IncomingMessage, response: ServerResponse) => {
      proxy.seen.push({ kind: "forward", target: asked.url ?? "" });
      if (!admits(asked)) return void response.writeHead(407).end();
      const { pathname, search, port } = new URL(asked.url ?? "");
      const { "proxy-authorization": _, ...headers } = asked.headers;
      const onward = request(
        { port, host: "127.0.0.1", path: pathname + search, method: asked.method, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      asked.pipe(onward);
      return undefined;
    });
    return await proxy.#listen();
  }

  static async socks5(
    options: Pick<ProxyOptions, "credentials"> & { readonly reply?: number } = {},
  ): Promise<TestProxy> {
    const server = createTcpServer();
    const proxy = new TestProxy(server, "socks5");
    server.on("connection", (client: Socket) => {
      void proxy.#serveSocks5(client, options).catch(() => client.destroy());
    });
    return await proxy.#listen();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** With user and password in it. */
  urlWith(credentials: string): string {
    return `${this.#scheme}://${credentials}@127.0.0.1:${this.port}`;
  }

  async #serveSocks5(
    client: Socket,
    options: { readonly credentials?: string; readonly reply?: number },
  ): Promise<void> {
    const [, count = 0] = await take(client, 2);
    const methods = await take(client, count);
    const method = options.credentials === undefined ? 0 : 2;
    if (!methods.includes(method)) return void client.end(Uint8Array.of(5, 0xff));
    client.write(Uint8Array.of(5, method));
    if (method === 2) {
      const [, userLength = 0] = await take(client, 2);
      const user = (await take(client, userLength)).toString();
      const [passwordLength = 0] = await take(client, 1);
      const password = (await take(client, passwordLength)).toString();
      const admitted = `${user}:${password}` === options.credentials;
      client.write(Uint8Array.of(1, admitted ? 0 : 1));
      if (!admitted) return void client.end();
    }
    const [, , , , length = 0] = await take(client, 5);
    const host = (await take(client, length)).toString();
    const port = (await take(client, 2)).readUInt16BE();
    this.seen.push({ kind: "socks5", target: `${host}:${port}` });
    const answer = (reply: number): boolean => client.write(Uint8Array.of(5, reply, 0, 1, 127, 0, 0, 1, 0, 80));
    if (options.reply !== undefined) return void answer(options.reply);
    const target = this.#track(connect(port, "127.0.0.1"));
    await once(target, "connect");
    answer(0);
    client.pipe(target).pipe(client);
    return undefined;
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
  }

  async #listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = length === 0 ? Buffer.alloc(0) : (socket.read(length) as Buffer | null);
    if (bytes !== null) return bytes;
    if (socket.readableEnded) throw new Error("the client went away");
    await once(socket, "readable");
  }
}
