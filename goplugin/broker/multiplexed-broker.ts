import type { Duplex } from "node:stream";
import type { Channel, Server } from "@grpc/grpc-js";
import { HostError } from "@executor-host/proto/shared/error";
import type { ConnInfo, ConnInfo_Knock } from "@executor-host/proto/goplugin";
import { timeouts } from "../protocol/defaults.ts";
import { WaitTimeout, within } from "../protocol/wait.ts";
import { BrokerLine } from "./broker-line.ts";
import type { BrokeredServer, BrokerStream, DialOptions, LinkBroker } from "./broker.ts";

/** A server that is given its connections. */
export interface StreamTaker {
  readonly take: (stream: Duplex) => void;
  close(options: { drainMs: number }): Promise<void>;
  closeSync(): void;
}

export interface MultiplexedLink {
  /** Open a stream to the other side. */
  openStream(): Promise<Duplex>;
  /** The next stream that the other side opens is for `take`. */
  expectStream(take: (stream: Duplex) => void): void;
  serve(register: (server: Server) => void): StreamTaker;
  /** A channel whose connections come from `open`. */
  openChannel(open: () => Promise<Duplex>, onClose: () => void): Promise<Channel>;
}

/**
 * The multiplexed broker: no sockets, a stream of the one connection for every brokered one; both sides alike.
 *
 * Whoever dials knocks with the id, waits for the answer, and opens a stream; the answer means that the next stream is taken for this id. So
 * there is one knock at a time, and no answer without a stream: where the dialler has given up meanwhile, an empty one follows.
 *
 * Source: hashicorp/go-plugin, grpc_broker.go and internal/grpcmux.
 */
export class MultiplexedBroker implements LinkBroker {
  readonly #link: MultiplexedLink;
  readonly #line = new BrokerLine();
  readonly #servers = new Map<number, StreamTaker>();
  /** Knocks for ids that nobody serves yet. */
  readonly #held = new Map<number, NodeJS.Timeout>();
  readonly #channels = new Set<Channel>();
  #knocking: { readonly id: number; readonly answer: (knock: ConnInfo_Knock) => void } | undefined;
  #lastDial: Promise<unknown> = Promise.resolve();

  constructor(link: MultiplexedLink) {
    this.#link = link;
  }

  nextId(): number {
    return this.#line.nextId();
  }

  async serve(id: number, register: (server: Server) => void): Promise<BrokeredServer> {
    this.#line.closed.throwIfAborted();
    const server = this.#link.serve(register);
    this.#servers.set(id, server);
    if (this.#forgetHeld(id)) this.#admit(id, server);
    const close = async (): Promise<void> => {
      if (this.#servers.get(id) === server) this.#servers.delete(id);
      await server.close({ drainMs: timeouts.brokerDrainMs });
    };
    return { id, close, [Symbol.asyncDispose]: close };
  }

  async dial(id: number, options: DialOptions = {}): Promise<Channel> {
    // Knocked for here, so that a failure is the caller's and not that of the first call.
    let first: Duplex | undefined = await this.#openStream(id, options);
    const takeFirst = (): Duplex | undefined => {
      const stream = first;
      first = undefined;
      return stream;
    };
    const channel: Channel = await this.#link.openChannel(
      async () => takeFirst() ?? (await this.#openStream(id)),
      () => {
        takeFirst()?.destroy();
        this.#channels.delete(channel);
      },
    );
    this.#channels.add(channel);
    // The other side has a connection that waits to be spoken to.
    channel.getConnectivityState(true);
    return channel;
  }

  attach(stream: BrokerStream): void {
    this.#line.attach(stream);
  }

  detach(stream: BrokerStream): void {
    if (this.#line.detach(stream)) this.#forgetAllHeld();
  }

  receive({ serviceId: id, knock }: ConnInfo): void {
    // Announcements of sockets belong to the classic broker.
    if (knock === undefined) return;
    if (knock.ack) this.#onAnswer(id, knock);
    else if (knock.knock) this.#onKnock(id);
  }

  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#line.close();
    this.#forgetAllHeld();
    for (const channel of [...this.#channels]) channel.close();
    const { drainMs = 0 } = options;
    await Promise.all([...this.#servers.values()].map((server) => server.close({ drainMs })));
    this.#servers.clear();
  }

  closeSync(): void {
    for (const server of this.#servers.values()) server.closeSync();
  }

  /** Knock and open, one after the other. */
  #openStream(id: number, options: DialOptions = {}): Promise<Duplex> {
    const { signal, timeoutMs = timeouts.brokerMs } = options;
    const { closed } = this.#line;
    const ended = signal === undefined ? closed : AbortSignal.any([closed, signal]);
    const opened = this.#lastDial.then(async () => {
      await this.#knock(id, timeoutMs, ended);
      return this.#link.openStream();
    });
    this.#lastDial = opened.catch(() => undefined);
    return opened;
  }

  async #knock(id: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<ConnInfo_Knock>();
    this.#knocking = { id, answer: resolve };
    try {
      await this.#line.send(knockInfo(id, { ack: false, error: "" }), signal);
      const { error } = await within(promise, { timeoutMs, signal });
      if (error !== "") throw unanswered(id, `the other side refuses it: ${error}`);
    } catch (error) {
      throw error instanceof WaitTimeout ? unanswered(id, `no answer to a knock within ${timeoutMs} ms`) : error;
    } finally {
      this.#knocking = undefined;
    }
  }

  #onAnswer(id: number, knock: ConnInfo_Knock): void {
    if (this.#knocking?.id === id) this.#knocking.answer(knock);
    else if (knock.error === "") void this.#sendEmptyStream();
  }

  /** The other side waits for a stream that nobody wants any more, and would take the next one for it. */
  async #sendEmptyStream(): Promise<void> {
    const stream = await this.#link.openStream().catch(() => undefined);
    stream?.destroy();
  }

  /** Whoever serves the id may only be about to: the knock is kept, and refused just before the other side stops waiting. */
  #onKnock(id: number): void {
    const server = this.#servers.get(id);
    if (server !== undefined) {
      this.#admit(id, server);
      return;
    }
    this.#forgetHeld(id);
    const refuse = (): void => {
      this.#held.delete(id);
      this.#answer(id, `nobody serves broker id ${id}`);
    };
    this.#held.set(id, setTimeout(refuse, timeouts.brokerHoldMs).unref());
  }

  #admit(id: number, server: StreamTaker): void {
    this.#link.expectStream(server.take);
    this.#answer(id, "");
  }

  #answer(id: number, error: string): void {
    // A call that has ended meanwhile needs no answer.
    this.#line.send(knockInfo(id, { ack: true, error })).catch(() => undefined);
  }

  #forgetHeld(id: number): boolean {
    clearTimeout(this.#held.get(id));
    return this.#held.delete(id);
  }

  #forgetAllHeld(): void {
    for (const id of [...this.#held.keys()]) this.#forgetHeld(id);
  }
}

function knockInfo(id: number, rest: Pick<ConnInfo_Knock, "ack" | "error">): ConnInfo {
  return { serviceId: id, network: "", address: "", knock: { knock: true, ...rest } };
}

function unanswered(id: number, reason: string): HostError {
  return new HostError("BROKER_TIMEOUT", `cannot dial broker id ${id}: ${reason}`, {
    hint: "the other side must serve the id within this time",
  });
}
