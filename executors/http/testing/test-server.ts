import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttps, type ServerOptions } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";
import { text } from "node:stream/consumers";

/** A request as the server got it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly httpVersion: string;
  readonly headers: IncomingMessage["headers"];
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Answers a request, whose body has been read. */
export type Handler = (request: SeenRequest, response: ServerResponse, raw: IncomingMessage) => unknown;

export interface TestServerOptions {
  readonly tls?: ServerOptions;
  /** Speak HTTP/2 as well; needs `tls`. */
  readonly http2?: boolean;
  /** Listen on a unix socket. */
  readonly path?: string;
}

/** A real server on this machine that remembers what it was asked. */
export class TestServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** Connections accepted so far. */
  accepted = 0;
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();
  #wake = Promise.withResolvers<void>();

  private constructor(handler: Handler, { tls, http2 = false }: TestServerOptions) {
    const listener = (raw: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(handler, raw, response);
    this.#scheme = tls === undefined ? "http" : "https";
    if (http2) {
      this.#server = createSecureServer({ ...tls, allowHTTP1: true }, listener as never);
    } else this.#server = tls === undefined ? createHttp(listener) : createHttps(tls, listener);
    this.#server.on("connection", (socket: Socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#notify();
      });
      this.#notify();
    });
  }

  static async start(handler: Handler, options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(handler, options);
    if (options.path === undefined) server.#server.listen(0, "127.0.0.1");
    else server.#server.listen(options.path);
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get open(): number {
    return this.#sockets.size;
  }

  get last(): SeenRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error("the server was not asked");
    return last;
  }

  /** Wait until something about the server is true; looked at whenever a connection or request comes or goes. */
  async waitUntil(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#wake.promise;
  }

  /** Drop every connection, as a server does that dies. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(handler: Handler, raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen: SeenRequest = {
      method: raw.method ?? "",
      url: raw.url ?? "",
      httpVersion: raw.httpVersion,
      headers: raw.headers,
      rawHeaders: raw.rawHeaders,
      body: await text(raw),
    };
    this.requests.push(seen);
    this.#notify();
    await handler(seen, response, raw);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
