import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Channel } from "@grpc/grpc-js";
import { HostError, messageOf } from "@executor-host/proto/shared/error";
import type { LinkBroker } from "../broker/broker.ts";
import { ClassicBroker } from "../broker/classic-broker.ts";
import { createMultiplexedBroker } from "../multiplex/broker-link.ts";
import { Multiplexer } from "../multiplex/multiplexer.ts";
import { openRelayedChannel } from "../multiplex/relayed-channel.ts";
import type { Address } from "../protocol/address.ts";
import { timeouts } from "../protocol/defaults.ts";
import type { LinkCredentials } from "../tls/credentials.ts";
import type { Owner } from "../transport/bind.ts";
import { openChannel } from "../transport/channel.ts";
import { listen } from "../transport/listen.ts";
import { YamuxSession } from "../yamux/session.ts";

export interface LinkTransportOptions {
  readonly address: Address;
  readonly credentials: LinkCredentials;
  /** Sockets for the plugin to dial are made in here. */
  readonly socketDirectory: string;
  /** Whose they are. */
  readonly owner?: Owner | undefined;
}

/** How a host reaches its plugin, and is reached by it. */
export interface LinkTransport {
  readonly channel: Channel;
  readonly broker: LinkBroker;
  /** Aborted when what carries the channel has broken, with the reason. */
  readonly broken: AbortSignal;
  /** Drop what is open, now. Idempotent. */
  close(): Promise<void>;
}

/** One connection for the plugin's own services, further ones for brokered servers. It connects with the first call. */
export function createClassicTransport(options: LinkTransportOptions): LinkTransport {
  const { address, credentials, socketDirectory: directory, owner } = options;
  const place = { network: "unix", directory, owner } as const;
  const channel = openChannel(address, credentials.client);
  const broker = new ClassicBroker({
    listen: (register) => listen(place, credentials.server, register),
    open: (target, onClose) => openChannel(target, credentials.client, onClose),
  });
  const close = async (): Promise<void> => {
    const closed = broker.close();
    channel.close();
    await closed;
  };
  return { channel, broker, broken: new AbortController().signal, close };
}

/**
 * One connection for everything.
 *
 * @throws {HostError} `CONNECT_FAILED` when there is none until the deadline
 * @throws `signal.reason` when aborted
 */
export async function openMultiplexedTransport(
  { address, credentials, socketDirectory }: LinkTransportOptions,
  options: { deadline: Date; signal: AbortSignal },
): Promise<LinkTransport> {
  const place = { network: "unix", directory: socketDirectory } as const;
  const session = new YamuxSession(await connectTo(address, options), "client");
  // What nobody expects is nobody's: a plugin knocks first.
  const multiplexer = new Multiplexer((stream) => stream.destroy());
  multiplexer.attach(session);
  const channel = await openRelayedChannel(place, credentials.client, () => session.open()).catch(
    async (error: unknown) => {
      await session.close();
      throw error;
    },
  );
  const broker = createMultiplexedBroker(multiplexer, place, credentials);
  const broken = new AbortController();
  void session.closed.then((error) => broken.abort(error));
  const close = async (): Promise<void> => {
    const closed = broker.close();
    channel.close();
    await closed;
    await session.close();
  };
  return { channel, broker, broken: broken.signal, close };
}

/** A plugin may print its line a moment before it listens. */
async function connectTo(address: Address, options: { deadline: Date; signal: AbortSignal }): Promise<Socket> {
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return await tryToConnect(address, options.signal);
    } catch (cause) {
      options.signal.throwIfAborted();
      const isLate = Date.now() + timeouts.pollMs >= options.deadline.getTime();
      const { code = "" } = cause as NodeJS.ErrnoException;
      if (isLate || !["ECONNREFUSED", "ENOENT"].includes(code)) {
        throw new HostError("CONNECT_FAILED", `cannot connect to the plugin: ${messageOf(cause)}`, {
          cause,
          hint: "nothing listens at the address of the handshake line",
        });
      }
      await sleep(timeouts.pollMs);
    }
  }
}

function tryToConnect(address: Address, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const where = address.network === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  const socket = connect({ ...where, allowHalfOpen: true, noDelay: true, signal });
  socket.once("connect", () => resolve(socket));
  socket.once("error", reject);
  return promise.finally(() => socket.off("error", reject));
}
