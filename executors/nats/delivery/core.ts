import { RemoteFailure } from "@executor-host/sdk/remote";

import { commonHeaders } from "../message/headers.ts";
import { outgoing } from "../message/prepare.ts";
import type { Delivery } from "./delivery.ts";

/**
 * Publish, and wait until the server has read the message and has not turned it away.
 *
 * @throws {RemoteFailure}
 * @throws `signal.reason`
 */
export async function publishCore(delivery: Delivery): Promise<void> {
  const { execution, link, subject, payload, signal } = delivery;
  const message = outgoing(link, subject, payload, commonHeaders(execution));
  delivery.phase = "while waiting for the server to confirm the message";
  delivery.effect = undefined;
  try {
    await link.publish({ ...message, reply: execution.config.reply_to }, signal);
  } catch (error) {
    if (error instanceof RemoteFailure && error.code === "PERMISSION_DENIED") delivery.effect = "NONE";
    throw error;
  }
  delivery.effect = "HAPPENED";
  execution.stdout.write(`published ${payload.length} bytes to ${subject}\n`);
}
