import type { Channel, Server } from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import type { ConnInfo } from "@executor-host/proto/goplugin";
import { formatAddress, isAddressProblem, parseAddress, type Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import type { Listener } from "../transport/listen.ts";
import { BrokerLine } from "./broker-line.ts";
import type { BrokeredServer, BrokerStream, DialOptions, LinkBroker } from "./broker.ts";
import { ConnectionTable } from "./connection-table.ts";

export interface ClassicLink {
  listen(register: (server: Server) => void): Promise<Listener>;
  open(address: Address, onClose: () => void): Channel;
}

/**
 * The classic broker, one socket per brokered server, both sides alike.
 *
 * Source: hashicorp/go-plugin, grpc_broker.go.
 */
export class ClassicBroker implements LinkBroker {
  readonly #link: ClassicLink;
  readonly #line = new BrokerLine();
  readonly #table = new ConnectionTable(timeouts.brokerMs);
  readonly #listeners = new Set<Listener>();
  readonly #channels = new Set<Channel>();

  constructor(link: ClassicLink) {
    this.#link = link;
  }

  nextId(): number {
    return this.#line.nextId();
  }

  async serve(id: number, register: (server: Server) => void): Promise<BrokeredServer> {
    this.#line.closed.throwIfAborted();
    const listener = await this.#link.listen(register);
    this.#listeners.add(listener);
    const close = async (): Promise<void> => {
      await listener.close({ drainMs: timeouts.brokerDrainMs });
      this.#listeners.delete(listener);
    };
    try {
      const { network } = listener.address;
      await this.#line.send({ serviceId: id, network, address: formatAddress(listener.address), knock: undefined });
    } catch (error) {
      await close();
      throw error;
    }
    return { id, close, [Symbol.asyncDispose]: close };
  }

  async dial(id: number, options: DialOptions = {}): Promise<Channel> {
    const { timeoutMs = timeouts.brokerMs, signal } = options;
    const { closed } = this.#line;
    const ended = signal === undefined ? closed : AbortSignal.any([closed, signal]);
    const info = await this.#table.take(id, { timeoutMs, signal: ended });
    const address = parseAddress(info.network, info.address);
    if (isAddressProblem(address))
      throw new HostError("ADDRESS_INVALID", `broker id ${id}: ${address.problem}`, { hint: address.hint });
    const channel = this.#link.open(address, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  attach(stream: BrokerStream): void {
    this.#line.attach(stream);
  }

  detach(stream: BrokerStream): void {
    if (this.#line.detach(stream)) this.#table.clear();
  }

  receive(info: ConnInfo): void {
    // Knocks belong to the multiplexed broker, which was not agreed on.
    if (info.knock === undefined) this.#table.put(info);
  }

  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#line.close();
    this.#table.clear();
    for (const channel of [...this.#channels]) channel.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close({ drainMs: options.drainMs ?? 0 })));
    this.#listeners.clear();
  }

  closeSync(): void {
    for (const listener of this.#listeners) listener.closeSync();
  }
}
