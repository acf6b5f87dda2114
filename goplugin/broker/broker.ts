import type { Channel, Server } from "@grpc/grpc-js";
import type { ConnInfo } from "@executor-host/proto/goplugin";

/**
 * Opens further gRPC servers for the other side, and reaches those that the other side opened.
 *
 * Ids are carried by the application, inside its own messages. Each side counts by itself, so equal ids of both sides are not related.
 */
export interface Broker {
  /** A fresh id: 1, 2, 3 ... */
  nextId(): number;
  /**
   * Serve something under an id, and let the other side know.
   *
   * @param register adds the services
   * @returns the server; dispose of it when the other side is done with it
   * @throws {HostError} `BROKER_CLOSED` when the other side is gone, `LISTEN_FAILED`
   */
  serve(id: number, register: (server: Server) => void): Promise<BrokeredServer>;
  /**
   * Reach what the other side serves under an id; close the channel when done. Without multiplexing this works once for each time it is
   * served, within 5 seconds of that.
   *
   * @throws {HostError} `BROKER_TIMEOUT` when nobody serves the id within 5 seconds, `BROKER_CLOSED`, `ADDRESS_INVALID`
   * @throws `signal.reason` when aborted
   */
  dial(id: number, options?: DialOptions): Promise<Channel>;
}

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for the other side to serve the id, default 5_000. */
  readonly timeoutMs?: number;
}

/** A server that the other side may reach under its id. Closing lets calls finish for a moment, then drops them; the socket is gone then. */
export interface BrokeredServer extends AsyncDisposable {
  readonly id: number;
  close(): Promise<void>;
}

/** One open StartStream call, as either side sees it. */
export interface BrokerStream {
  write(info: ConnInfo): void;
  close(): void;
}

/** A broker as its link sees it. */
export interface LinkBroker extends Broker {
  /** Use this StartStream call for what is said from now on. */
  attach(stream: BrokerStream): void;
  /** A StartStream call has ended. What came through it is of no use any more. */
  detach(stream: BrokerStream): void;
  /** Something came through a StartStream call. */
  receive(info: ConnInfo): void;
  /** Close every server and channel of this broker; what waits fails with `BROKER_CLOSED`. Idempotent. */
  close(options?: { drainMs?: number }): Promise<void>;
  /** Drop every server and unlink its socket, for an exit hook. */
  closeSync(): void;
}
