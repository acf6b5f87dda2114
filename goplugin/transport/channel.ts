import { Channel, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { Address } from "../protocol/address.ts";
import { limits } from "../protocol/defaults.ts";

const unlimited = -1;
const never = 2 ** 31 - 1;

/**
 * Message sizes are not limited on a plugin link: the processes trust each other with more than memory.
 *
 * `grpc.enable_channelz` must stay on in a server: one of grpc-js 1.14.7 without it forgets its connections, and `forceShutdown` leaves them open.
 */
export const messageOptions = {
  "grpc.max_receive_message_length": unlimited,
  "grpc.max_send_message_length": unlimited,
} as const satisfies ChannelOptions;

const channelOptions: ChannelOptions = {
  ...messageOptions,
  // Statistics that nobody asks for, with several dates for each call.
  "grpc.enable_channelz": 0,
  "grpc-node.flow_control_window": limits.receiveWindowBytes,
  // grpc-js would ask a proxy for loopback addresses too.
  "grpc.enable_http_proxy": 0,
  // Two links of one process never share a connection.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.ssl_target_name_override": "localhost",
  // A call reaches this very process or fails: no hidden second try.
  "grpc.enable_retries": 0,
  "grpc.client_idle_timeout_ms": never,
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // No keepalive on purpose: grpc-go ends connections that ping more often than every five minutes.
};

/** A channel to the other side that tells when it is closed. */
class LinkChannel extends Channel {
  readonly #onClose: () => void;

  constructor(target: string, credentials: ChannelCredentials, onClose: () => void) {
    super(target, credentials, channelOptions);
    this.#onClose = onClose;
  }

  override close(): void {
    this.#onClose();
    super.close();
  }
}

/** Make a channel. It connects with the first call. */
export function openChannel(
  address: Address,
  credentials: ChannelCredentials,
  onClose: () => void = () => undefined,
): Channel {
  return new LinkChannel(targetOf(address), credentials, onClose);
}

/** The address in gRPC's own naming. */
export function targetOf(address: Address): string {
  // `unix:` would take a path with two leading slashes for a host name.
  if (address.network === "unix") return `unix://${address.path}`;
  return address.host.includes(":") ? `dns:[${address.host}]:${address.port}` : `dns:${address.host}:${address.port}`;
}
