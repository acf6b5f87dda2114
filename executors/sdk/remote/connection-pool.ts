import { createHash } from "node:crypto";
import { abortable } from "./abortable.ts";

/** A connection that many executions may use at the same time. */
export interface PooledConnection {
  /** False once it is lost: nobody gets it any more. */
  readonly usable: boolean;
  /** Ask the other side for a sign of life, within the signal's time. Called before a connection that was idle is used again. */
  check?(signal: AbortSignal): Promise<boolean>;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface PoolOptions {
  /** How long a connection that nobody uses is kept. */
  readonly idleMs: number;
  /** A connection idle for longer is checked before it is used again. */
  readonly checkAfterMs: number;
  /** Time for that check. */
  readonly checkMs: number;
}

/** The right to use a connection, until it is disposed of. */
export interface PoolLease<C> extends Disposable {
  readonly connection: C;
  /** It had been opened before. */
  readonly reused: boolean;
}

interface Entry<C> {
  readonly key: string;
  readonly opening: Promise<C>;
  readonly opener: AbortController;
  connection: C | undefined;
  users: number;
  idleSinceMs: number;
  idleTimer: NodeJS.Timeout | undefined;
  checking: Promise<boolean> | undefined;
}

/**
 * Open connections, by everything that makes a difference to them: target, identity, TLS.
 *
 * Executions with equal settings share one. A lost connection is replaced when it is next asked for; one that nobody uses is closed after
 * a while.
 */
export class ConnectionPool<C extends PooledConnection> implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #entries = new Map<string, Entry<C>>();
  /** Every entry not yet closed, also those taken out of the map. */
  readonly #open = new Set<Entry<C>>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Connections open now or about to be. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * A connection with these settings.
   *
   * @param settings plain data; only its digest is kept
   * @param open opens one; its signal aborts when nobody waits for it any more
   * @throws what `open` throws; `signal.reason`
   */
  async acquire(
    settings: unknown,
    open: (signal: AbortSignal) => Promise<C>,
    signal: AbortSignal,
  ): Promise<PoolLease<C>> {
    signal.throwIfAborted();
    if (this.#closed) throw new TypeError("the pool is closed");
    const key = digestOf(settings);
    for (;;) {
      const known = this.#entries.get(key);
      const entry = known ?? this.#start(key, open);
      this.#take(entry);
      try {
        const connection = await abortable(entry.opening, signal);
        if (await abortable(this.#isAlive(entry, connection), signal))
          return this.#lease(entry, connection, known !== undefined);
        this.#forget(entry);
        this.#release(entry);
      } catch (error) {
        this.#release(entry);
        throw error;
      }
    }
  }

  #start(key: string, open: (signal: AbortSignal) => Promise<C>): Entry<C> {
    const opener = new AbortController();
    const entry: Entry<C> = {
      key,
      opening: open(opener.signal),
      opener,
      connection: undefined,
      users: 0,
      idleSinceMs: Infinity,
      idleTimer: undefined,
      checking: undefined,
    };
    this.#entries.set(key, entry);
    this.#open.add(entry);
    entry.opening.then(
      (connection) => {
        entry.connection = connection;
        if (entry.users === 0) this.#rest(entry);
      },
      () => {
        this.#forget(entry);
        this.#open.delete(entry);
      },
    );
    return entry;
  }

  #take(entry: Entry<C>): void {
    entry.users++;
    clearTimeout(entry.idleTimer);
  }

  #isAlive(entry: Entry<C>, connection: C): Promise<boolean> {
    if (!connection.usable) return Promise.resolve(false);
    const idle = Date.now() - entry.idleSinceMs > this.#options.checkAfterMs;
    if (connection.check === undefined || (!idle && entry.checking === undefined)) return Promise.resolve(true);
    entry.checking ??= connection
      .check(AbortSignal.timeout(this.#options.checkMs))
      .catch(() => false)
      .then((alive) => alive && connection.usable)
      .finally(() => {
        entry.checking = undefined;
      });
    return entry.checking;
  }

  #lease(entry: Entry<C>, connection: C, reused: boolean): PoolLease<C> {
    let released = false;
    entry.idleSinceMs = Infinity;
    return {
      connection,
      reused,
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        this.#release(entry);
      },
    };
  }

  #release(entry: Entry<C>): void {
    entry.users--;
    if (entry.users > 0) return;
    if (entry.connection === undefined) {
      // Still on its way, and nobody waits for it.
      this.#forget(entry);
      entry.opener.abort();
    } else this.#rest(entry);
  }

  #rest(entry: Entry<C>): void {
    if (this.#closed || entry.connection?.usable !== true || this.#entries.get(entry.key) !== entry) {
      this.#forget(entry);
      void this.#close(entry);
      return;
    }
    entry.idleSinceMs = Date.now();
    entry.idleTimer = setTimeout(() => {
      this.#forget(entry);
      void this.#close(entry);
    }, this.#options.idleMs).unref();
  }

  #forget(entry: Entry<C>): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  async #close(entry: Entry<C>): Promise<void> {
    clearTimeout(entry.idleTimer);
    await entry.connection?.close();
    this.#open.delete(entry);
  }

  /** Close every connection, also those in use. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
    await Promise.all(
      [...this.#open].map(async (entry) => {
        entry.opener.abort();
        await entry.opening.catch(() => undefined);
        await this.#close(entry);
      }),
    );
  }
}

/** Nothing that was secret can be read from it. */
function digestOf(settings: unknown): string {
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
}
