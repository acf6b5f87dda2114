import { existsSync } from "node:fs";
import { chmod, unlink } from "node:fs/promises";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import type { ConnectionInjector } from "@grpc/grpc-js";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import { formatAddress, isLocal, maxSocketPathBytes, parseAddress, type Address } from "../settings/address.ts";
import { makeDirectory } from "../settings/make-directory.ts";
import { timeouts } from "../timeouts.ts";

/** An address that is served, and the connections that were made to it. Disposing of it cuts them. */
export interface Door extends AsyncDisposable {
  readonly address: string;
  /** Let nobody in any more, and resolve when all have left. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serve an address.
 *
 * A unix socket gets mode 0600, in a directory that is made with mode 0700 if it is not there. A socket that a dead host left behind is replaced.
 *
 * @returns the door, whose address has the port that was really bound
 * @throws {HostError} `LISTEN_REFUSED` for anything other machines could reach, `SETTINGS_INVALID` for a path no socket can have, `LISTEN_FAILED`
 */
export async function listen(injector: ConnectionInjector, text: string): Promise<Door> {
  const address = parseAddress(text);
  if (address === undefined || !isLocal(address)) {
    throw new HostError("LISTEN_REFUSED", `cannot listen on "${text}"`, {
      hint: "unix:/path, or tcp:127.0.0.1:PORT; wider addresses need TLS, which is not there yet",
    });
  }
  if (address.kind === "unix") return listenUnix(injector, address.path);
  const { host, port } = address;
  const door = await NetDoor.open(injector, text, { host, port });
  return door.at(formatAddress({ ...address, port: door.port }));
}

async function listenUnix(injector: ConnectionInjector, path: string): Promise<Door> {
  const excessBytes = Buffer.byteLength(path) - maxSocketPathBytes;
  if (excessBytes > 0) {
    throw new HostError("SETTINGS_INVALID", `cannot listen on ${path}: the path is too long for a socket`, {
      hint: `choose one that is ${excessBytes} bytes shorter, with --listen or --runtime-dir`,
    });
  }
  await makeDirectory(dirname(path), "listen");
  if (await answers(path)) {
    throw new HostError("LISTEN_FAILED", `cannot listen on ${path}: another process is serving there`, {
      hint: "stop the other host, or choose another address with --listen",
      retryable: false,
    });
  }
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT")
      throw new HostError("LISTEN_FAILED", `cannot replace ${path}: ${error.message}`, { cause: error });
  });
  return LastingDoor.open(injector, path);
}

/** A unix socket that is made anew when it is gone: cleaners of temporary files take it away from under those who would come. */
class LastingDoor implements Door {
  readonly address: string;
  readonly #injector: ConnectionInjector;
  readonly #path: string;
  /** Where callers come in; undefined when the last try to make one failed. */
  #door: NetDoor | undefined;
  /** The present one, and those whose callers may still be there. */
  readonly #doors = new Set<NetDoor>();
  readonly #timer: NodeJS.Timeout;
  #opening: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(injector: ConnectionInjector, path: string) {
    this.#injector = injector;
    this.#path = path;
    this.address = formatAddress({ kind: "unix", path } satisfies Address);
    this.#timer = setInterval(() => this.#look(), timeouts.socketIntervalMs);
    this.#timer.unref();
  }

  static async open(injector: ConnectionInjector, path: string): Promise<LastingDoor> {
    const door = new LastingDoor(injector, path);
    try {
      await door.#open();
      return door;
    } catch (error) {
      clearInterval(door.#timer);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#opening;
    await Promise.all([...this.#doors].map((door) => door.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.close();
    await this.#opening;
    await Promise.all([...this.#doors].map((door) => door[Symbol.asyncDispose]()));
    await closed;
  }

  #look(): void {
    if (this.#isClosed || existsSync(this.#path)) return;
    // What cannot be made now is tried again at the next look.
    this.#opening = this.#opening.then(() => this.#open()).catch(() => undefined);
  }

  async #open(): Promise<void> {
    if (this.#isClosed) return;
    // Closing removes the path, so that it comes first.
    void this.#door?.close();
    this.#door = undefined;
    await makeDirectory(dirname(this.#path), "listen");
    const door = await NetDoor.open(this.#injector, `unix:${this.#path}`, { path: this.#path });
    this.#door = door;
    this.#doors.add(door);
    void door.closed.then(() => this.#doors.delete(door));
    await chmod(this.#path, 0o600);
  }
}

/** The sockets are ours rather than gRPC's, which waits for callers that do not answer. */
class NetDoor implements Door {
  address = "";
  readonly #server: Server;
  /** Resolves when nobody comes in any more and all have left. */
  readonly closed: Promise<void>;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.closed = new Promise((resolve) => server.once("close", () => resolve()));
    // A connection that could not be accepted, for want of descriptors, is its caller's loss.
    server.on("error", () => undefined);
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async open(injector: ConnectionInjector, text: string, place: ListenOptions): Promise<NetDoor> {
    const server = createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
    try {
      server.listen(place);
      await once(server, "listening");
    } catch (error) {
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      const hint = isTaken
        ? "another process is serving there: end it, or choose another address (port 0 takes a free one)"
        : "";
      throw new HostError("LISTEN_FAILED", `cannot listen on ${text}: ${messageOf(error)}`, { hint, cause: error });
    }
    return new NetDoor(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  at(address: string): this {
    this.address = address;
    return this;
  }

  async close(): Promise<void> {
    this.#server.close();
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Is somebody alive behind this socket? */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(timeouts.quickCallMs);
    const done = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.on("connect", () => done(true));
    socket.on("timeout", () => done(true));
    socket.on("error", () => done(false));
  });
}
