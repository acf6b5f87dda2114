import type { Server } from "@grpc/grpc-js";
import type { LinkBroker } from "../broker/broker.ts";
import { ClassicBroker } from "../broker/classic-broker.ts";
import { createMultiplexedBroker } from "../multiplex/broker-link.ts";
import { MultiplexedEndpoint } from "../multiplex/listen.ts";
import { variables } from "../protocol/environment.ts";
import { parseGoBoolean } from "../protocol/go-text.ts";
import type { LinkCredentials } from "../tls/credentials.ts";
import type { ListenPlace } from "../transport/bind.ts";
import { openChannel } from "../transport/channel.ts";
import { listen, type Listener } from "../transport/listen.ts";

/** How a plugin is reached, and reaches its host. */
export interface ServerTransport {
  readonly broker: LinkBroker;
  /** @throws {HostError} `ADDRESS_INVALID`, `LISTEN_FAILED` */
  listen(register: (server: Server) => void): Promise<Listener>;
}

/** What the host wants of multiplexing: `undefined` when it did not ask, and does not know the seventh field perhaps. */
export function multiplexWish(environment: NodeJS.ProcessEnv): boolean | undefined {
  const text = environment[variables.multiplex];
  return text ? (parseGoBoolean(text) ?? false) : undefined;
}

/** A socket for the main connection and for each brokered server, or one connection for them all. */
export function createServerTransport(
  place: ListenPlace,
  credentials: LinkCredentials,
  isMultiplexed: boolean,
): ServerTransport {
  if (!isMultiplexed) {
    const broker = new ClassicBroker({
      listen: (register) => listen(place, credentials.server, register),
      open: (address, onClose) => openChannel(address, credentials.client, onClose),
    });
    return { broker, listen: (register) => listen(place, credentials.server, register) };
  }
  const endpoint = new MultiplexedEndpoint();
  return {
    broker: createMultiplexedBroker(endpoint.multiplexer, place, credentials),
    listen: (register) => endpoint.listen(place, credentials.server, register),
  };
}
