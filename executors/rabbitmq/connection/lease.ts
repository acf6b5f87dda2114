import { setImmediate } from "node:timers/promises";
import { RemoteFailure, type ConnectionPool } from "@executor-host/sdk/remote";

import { connect } from "./connect.ts";
import type { Link } from "./link.ts";
import type { PublishChannel } from "./publish-channel.ts";
import type { ConnectionSettings } from "./settings.ts";

/** A channel for one execution, until it is disposed of. */
export interface LeasedChannel extends Disposable {
  readonly link: Link;
  readonly channel: PublishChannel;
  /** The connection had been opened before. */
  readonly reused: boolean;
}

/**
 * A channel on a connection with these settings; one that turns out to be lost is replaced.
 *
 * @throws {RemoteFailure} why there is no connection @throws `signal.reason`
 */
export async function leaseChannel(
  pool: ConnectionPool<Link>,
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<LeasedChannel> {
  // A connection may have ended without that we have read it yet: two turns, and what the system knows is known here.
  await setImmediate();
  await setImmediate();
  for (;;) {
    using held = new DisposableStack();
    const { connection: link, reused } = held.use(
      await pool.acquire(settings, (opening) => connect(settings, opening), signal),
    );
    try {
      const { channel } = held.use(await link.lease(signal));
      if (settings.owner !== undefined) link.retire();
      const kept = held.move();
      return { link, channel, reused, [Symbol.dispose]: () => kept.dispose() };
    } catch (error) {
      const isLost = error instanceof RemoteFailure && error.code === "CONNECTION_LOST";
      if (!isLost || !reused || signal.aborted) throw error;
    }
  }
}
