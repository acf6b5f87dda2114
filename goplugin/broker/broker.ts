import type { Channel, Server } from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import type { ConnInfo } from "@executor-host/proto/goplugin";
import { formatAddress, isAddressProblem, parseAddress, type Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import type { Listener } from "../transport/listen.ts";
import { ConnectionTable } from "./connection-table.ts";

/**
 * Opens further gRPC servers for the other side, and reaches those that the other side opened.
 *
 * Ids are carried by the application, inside its own messages. Each side counts by itself, so equal ids of both sides are not related.
 */
export interface Broker {
  /** A fresh id: 1, 2, 3 ... */
  nextId(): number;
  /**
   * Serve something under an id: open a listener, then announce it.
   *
   * @param register adds the services
   * @returns the server; dispose of it when the other side is done with it
   * @throws {HostError} `BROKER_CLOSED` when the other side is gone, `LISTEN_FAILED`
   */
  serve(id: number, register: (server: Server) => void): Promise<BrokeredServer>;
  /**
   * Reach what the other side serves under an id. Works once per announcement, within 5 seconds of it; close the channel when done.
   *
   * @throws {HostError} `BROKER_TIMEOUT` when nothing was announced in 5 seconds, `BROKER_CLOSED`, `ADDRESS_INVALID`
   * @throws `signal.reason` when aborted
   */
  dial(id: number, options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<Channel>;
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

export interface BrokerLink {
  listen(register: (server: Server) => void): Promise<Listener>;
  open(address: Address, onClose: () => void): Channel;
}

/**
 * The classic broker, one socket per brokered server, both sides alike.
 *
 * Source: hashicorp/go-plugin, grpc_broker.go.
 */
export class ClassicBroker implements Broker {
  readonly #link: BrokerLink;
  readonly #table = new ConnectionTable(timeouts.brokerMs);
  readonly #listeners = new Set<Listener>();
  readonly #channels = new Set<Channel>();
  readonly #closing = new AbortController();
  #lastId = 0;
  #stream: BrokerStream | undefined;
  #streamArrived = Promise.withResolvers<void>();

  constructor(link: BrokerLink) {
    this.#link = link;
  }

  nextId(): number {
    this.#lastId = (this.#lastId + 1) >>> 0;
    return this.#lastId;
  }

  async serve(id: number, register: (server: Server) => void): Promise<BrokeredServer> {
    this.#closing.signal.throwIfAborted();
    const listener = await this.#link.listen(register);
    this.#listeners.add(listener);
    const close = async (): Promise<void> => {
      await listener.close({ drainMs: timeouts.brokerDrainMs });
      this.#listeners.delete(listener);
    };
    try {
      await this.#announce(id, listener.address);
    } catch (error) {
      await close();
      throw error;
    }
    return { id, close, [Symbol.asyncDispose]: close };
  }

  async dial(id: number, options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<Channel> {
    const { timeoutMs = timeouts.brokerMs, signal } = options;
    const ended = signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal]);
    const info = await this.#table.take(id, { timeoutMs, signal: ended });
    const address = parseAddress(info.network, info.address);
    if (isAddressProblem(address))
      throw new HostError("ADDRESS_INVALID", `broker id ${id}: ${address.problem}`, { hint: address.hint });
    const channel = this.#link.open(address, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  /** Use this StartStream call for what is announced from now on. */
  attach(stream: BrokerStream): void {
    this.#stream = stream;
    this.#streamArrived.resolve();
  }

  /** A StartStream call has ended. What came through it is of no use any more. */
  detach(stream: BrokerStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#streamArrived = Promise.withResolvers();
    this.#table.clear();
  }

  /** Something came through a StartStream call. */
  receive(info: ConnInfo): void {
    // Knocks belong to the multiplexed broker, which was not agreed on.
    if (info.knock !== undefined) return;
    this.#table.put(info);
  }

  /** Close every server and channel of this broker; what waits fails with `BROKER_CLOSED`. Idempotent. */
  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#closing.abort(new HostError("BROKER_CLOSED", "broker is closed: the other side is gone or going"));
    this.#table.clear();
    this.#stream?.close();
    for (const channel of [...this.#channels]) channel.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close({ drainMs: options.drainMs ?? 0 })));
    this.#listeners.clear();
  }

  /** Unlink every socket of this side, for an exit hook. */
  closeSync(): void {
    for (const listener of this.#listeners) listener.closeSync();
  }

  async #announce(id: number, address: Address): Promise<void> {
    try {
      await within(this.#streamArrived.promise, { timeoutMs: timeouts.brokerMs, signal: this.#closing.signal });
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      throw new HostError("BROKER_CLOSED", "the other side has not opened the broker's stream", {
        hint: "a go-plugin host opens it right after connecting",
      });
    }
    const info: ConnInfo = {
      serviceId: id,
      network: address.network,
      address: formatAddress(address),
      knock: undefined,
    };
    this.#stream?.write(info);
  }
}
