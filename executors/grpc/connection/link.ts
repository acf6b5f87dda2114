import type { Registry } from "@bufbuild/protobuf";
import { abortable, isGrpcAlive, limited, showMs, type PooledConnection } from "@executor-host/sdk/remote";
import { Client, connectivityState } from "@grpc/grpc-js";

import { fail } from "../failure.ts";
import { channelOptions, channelCredentials } from "./channel.ts";
import type { Route } from "./route.ts";

/** A channel to a server, which connects and reconnects by itself, and what is known of the server's services. */
export class Link implements PooledConnection {
  readonly route: Route;
  readonly client: Client;
  /** What the server has said of its services, by name. */
  readonly schemas = new Map<string, { readonly schema: Registry; readonly untilMs: number }>();

  constructor(route: Route) {
    this.route = route;
    this.client = new Client(route.address, channelCredentials(route.tls, route.peer), channelOptions(route));
  }

  get usable(): boolean {
    return this.client.getChannel().getConnectivityState(false) !== connectivityState.SHUTDOWN;
  }

  /**
   * Wait until there is a connection, or until there is a reason why there is none: a call then tells it.
   *
   * @throws {RemoteFailure} `TIMEOUT_CONNECT`
   * @throws `signal.reason`
   */
  async connected(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const channel = this.client.getChannel();
    using limit = limited(signal, timeoutMs, undefined, () =>
      fail("TIMEOUT_CONNECT", `${this.route.peer} does not answer within ${showMs(timeoutMs)}`),
    );
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return;
      const changed = new Promise<void>((resolve) => {
        // Our own limit ends the waiting: one of the library's would answer at once when it is over, again and again.
        channel.watchConnectivityState(state, Infinity, () => resolve());
      });
      await abortable(changed, limit.signal);
    }
  }

  check(signal: AbortSignal): Promise<boolean> {
    return isGrpcAlive(this.client, signal);
  }

  close(): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }
}
