import { limits } from "../defaults.ts";
import { SecureContexts } from "../tls/secure-contexts.ts";
import { Connection } from "./connection.ts";
import { dial } from "./dial.ts";
import { hostPort, routeKey, type Route } from "./route.ts";

/** The right to use a connection for one request. */
export interface Lease {
  readonly connection: Connection;
  /** It has carried a request before. */
  readonly reused: boolean;
  /** Give it back; a connection that is still good is kept for the next. Safe to repeat. */
  release(): void;
}

export interface LeaseOptions {
  readonly signal: AbortSignal;
  /** Open a new connection even if there is an idle one. */
  readonly fresh?: boolean;
}

/**
 * Open connections, kept for the next request that may use them.
 *
 * Which may is decided by the route's key: target, proxy and every TLS setting, by content. HTTP/1.1 connections serve one request at a
 * time, HTTP/2 ones many. Idle connections are closed after a while, and the longest idle one when there are too many.
 */
export class ConnectionPool implements AsyncDisposable {
  readonly #connections = new Map<string, Set<Connection>>();
  /** In the order in which they became idle. */
  readonly #idle = new Set<Connection>();
  readonly #secureContexts = new SecureContexts();
  #closed = false;

  /** Connections open now, busy and idle. */
  get size(): number {
    return [...this.#connections.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /**
   * A connection along this route.
   *
   * @throws {RequestFailure} when none can be opened
   * @throws `signal.reason`
   */
  async acquire(route: Route, { signal, fresh = false }: LeaseOptions): Promise<Lease> {
    const key = routeKey(route);
    const known = fresh
      ? undefined
      : this.#connections
          .get(key)
          ?.values()
          .find((connection) => connection.available);
    return this.#lease(known ?? (await this.#open(route, key, signal)));
  }

  /** Open a connection outside the pool, look at it, and close it again. */
  async inspect(route: Route, signal: AbortSignal): Promise<Connection["facts"]> {
    const { socket, facts } = await dial(route, { signal, secureContext: (tls) => this.#secureContexts.get(tls) });
    socket.destroy();
    return facts;
  }

  async #open(route: Route, key: string, signal: AbortSignal): Promise<Connection> {
    // Loaded with the first connection, as it takes longer than everything else in this executor together.
    const { Client: client } = await import("undici");
    const dialled = await dial(route, { signal, secureContext: (tls) => this.#secureContexts.get(tls) });
    const origin = `${route.secure ? "https" : "http"}://${hostPort(route.hostname, route.port)}`;
    const connection = new Connection({ origin, client, dialled, onClose: (closed) => this.#forget(key, closed) });
    const siblings = this.#connections.get(key) ?? new Set();
    this.#connections.set(key, siblings.add(connection));
    return connection;
  }

  #lease(connection: Connection): Lease {
    const reused = connection.taken > 0;
    connection.taken++;
    connection.active++;
    this.#idle.delete(connection);
    let released = false;
    return {
      connection,
      reused,
      release: () => {
        if (released) return;
        released = true;
        connection.active--;
        if (connection.active === 0) this.#rest(connection);
      },
    };
  }

  #rest(connection: Connection): void {
    if (this.#closed || !connection.keepable) return this.#discard(connection);
    this.#idle.add(connection);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= limits.idleConnections) break;
      this.#idle.delete(oldest);
      this.#discard(oldest);
    }
  }

  #discard(connection: Connection): void {
    // Destroying a client cannot fail; what it was doing fails by itself.
    void connection[Symbol.asyncDispose]();
  }

  #forget(key: string, connection: Connection): void {
    this.#idle.delete(connection);
    const siblings = this.#connections.get(key);
    siblings?.delete(connection);
    if (siblings?.size === 0) this.#connections.delete(key);
    this.#discard(connection);
  }

  /** Close every connection, also those in use. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const open = [...this.#connections.values()].flatMap((set) => [...set]);
    await Promise.all(open.map((connection) => connection[Symbol.asyncDispose]()));
  }
}
