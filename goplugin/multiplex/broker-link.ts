import { MultiplexedBroker } from "../broker/multiplexed-broker.ts";
import type { LinkCredentials } from "../tls/credentials.ts";
import type { ListenPlace } from "../transport/bind.ts";
import type { Multiplexer } from "./multiplexer.ts";
import { openRelayedChannel } from "./relayed-channel.ts";
import { StreamServer } from "../transport/stream-server.ts";

/** A broker on the streams of one connection. */
export function createMultiplexedBroker(
  multiplexer: Multiplexer,
  place: ListenPlace,
  credentials: LinkCredentials,
): MultiplexedBroker {
  return new MultiplexedBroker({
    openStream: () => multiplexer.open(),
    expectStream: (take) => multiplexer.expect(take),
    serve: (register) => new StreamServer(credentials.server, register),
    openChannel: (open, onClose) => openRelayedChannel(place, credentials.client, open, onClose),
  });
}
