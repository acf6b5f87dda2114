import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Channel, ChannelCredentials } from "@grpc/grpc-js";
import type { ListenPlace } from "../transport/bind.ts";
import { openChannel } from "../transport/channel.ts";
import { listenForConnections } from "../transport/net-listener.ts";

/**
 * Make a channel whose connections are streams of somebody else's.
 *
 * grpc-js takes given connections on a server (`createConnectionInjector`), but a channel of it only dials, and the one way around is a
 * method that it marks as its own. So the channel dials a private socket of this process, and each connection there is joined to a stream.
 * TLS, if any, runs from end to end.
 *
 * @param place where the private socket is made; gone when the channel is closed
 * @param open called for every connection that the channel makes, reconnects included
 * @param onClose called when the channel is closed
 * @throws {HostError} `ADDRESS_INVALID`, `LISTEN_FAILED`
 */
export async function openRelayedChannel(
  place: ListenPlace,
  credentials: ChannelCredentials,
  open: () => Promise<Duplex>,
  onClose: () => void = () => undefined,
): Promise<Channel> {
  const listener = await listenForConnections(place, (near) => {
    void relay(near, open);
  });
  return openChannel(listener.address, credentials, () => {
    listener.close();
    onClose();
  });
}

/** Join both until one of them ends or fails. A stream that cannot be opened shows as a dropped connection. */
async function relay(near: Duplex, open: () => Promise<Duplex>): Promise<void> {
  near.on("error", () => undefined);
  let far: Duplex | undefined;
  try {
    far = await open();
    await Promise.all([pipeline(near, far), pipeline(far, near)]);
  } catch {
    near.destroy();
    far?.destroy();
  }
}
