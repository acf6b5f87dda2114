import type { JsonObject, ProbeContext, ProbeReport } from "@executor-host/sdk";
import { RemoteFailure } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { connect } from "./connection/connect.ts";
import type { PublishChannel } from "./connection/publish-channel.ts";
import { connectionSettings } from "./connection/settings.ts";
import { connectLimit } from "./execute.ts";
import { exchangeOf } from "./message/collect.ts";

/** Connect, log in, and look at exchange and queue; nothing is published, and nothing declared. */
export async function probe({ config, signal }: ProbeContext<Config>): Promise<ProbeReport> {
  using limit = connectLimit(signal, config.connect_timeout);
  try {
    const settings = await connectionSettings(config, "probe", limit.signal);
    const link = await connect(settings, limit.signal);
    try {
      using lease = await link.lease(limit.signal);
      const { found, details } = await look(config, lease.channel, limit.signal);
      const { blocked } = link;
      const message = [`connected to ${link.peer}`, ...found].join("; ");
      if (blocked === undefined) return { ok: true, message, details };
      return { ok: false, code: "BROKER_BLOCKED", message: `${message}; it takes no messages: ${blocked}`, details };
    } finally {
      await link.close();
    }
  } catch (error) {
    if (!(error instanceof RemoteFailure)) throw error;
    const { message, code, hint } = error;
    return { ok: false, message, code, details: hint === undefined ? {} : { hint } };
  }
}

/** What a job declares need not be there yet. */
async function look(
  config: Config,
  channel: PublishChannel,
  signal: AbortSignal,
): Promise<{ readonly found: readonly string[]; readonly details: JsonObject }> {
  const found: string[] = [];
  const exchange = exchangeOf(config);
  if (exchange !== "" && !config["exchange.create"]) {
    await channel.ask("exchange", (to) => to.checkExchange(exchange), signal);
    found.push(`exchange ${JSON.stringify(exchange)} is there`);
  }
  const name = config["queue.name"] ?? (exchange === "" ? config.routing_key : undefined) ?? "";
  if (name === "" || config["queue.create"]) return { found, details: {} };
  const { messageCount, consumerCount } = await channel.ask("queue", (to) => to.checkQueue(name), signal);
  found.push(`queue ${JSON.stringify(name)} holds ${messageCount} messages and has ${consumerCount} consumers`);
  return { found, details: { messages: messageCount, consumers: consumerCount } };
}
