import type { JsonObject } from "@executor-host/sdk";
import type { Options } from "amqplib";

import type { Config } from "../config.ts";
import type { PublishChannel } from "../connection/publish-channel.ts";
import { exchangeOf } from "../message/collect.ts";

/** What the broker has said of the queue, if it was asked. */
export interface Topology {
  readonly queue?: JsonObject;
}

/**
 * Declare and check what the job asks for: exchange, queue, bindings, in this order.
 *
 * @throws {RemoteFailure} `EXCHANGE_NOT_FOUND`, `DECLARATION_CONFLICT`, `NOT_ALLOWED` ...
 */
export async function declare(config: Config, channel: PublishChannel, signal: AbortSignal): Promise<Topology> {
  const exchange = exchangeOf(config);
  if (config["exchange.create"]) {
    const type = config["exchange.type"] ?? "direct";
    await channel.ask("exchange", (to) => to.assertExchange(exchange, type, exchangeOptions(config)), signal);
  } else if (config["exchange.check"]) {
    await channel.ask("exchange", (to) => to.checkExchange(exchange), signal);
  }
  const name = config["queue.name"] ?? "";
  const topology = await declareQueue(config, name, channel, signal);
  for (const binding of config["queue.bindings"] ?? []) {
    const { exchange: source, routing_key: pattern, arguments: table = {} } = binding;
    await channel.ask("bind", (to) => to.bindQueue(name, source, pattern, table), signal);
  }
  return topology;
}

async function declareQueue(
  config: Config,
  name: string,
  channel: PublishChannel,
  signal: AbortSignal,
): Promise<Topology> {
  if (!config["queue.create"] && !config["queue.check"]) return {};
  const { queue, messageCount, consumerCount } = await channel.ask(
    "queue",
    (to) => (config["queue.create"] ? to.assertQueue(name, queueOptions(config)) : to.checkQueue(name)),
    signal,
  );
  return { queue: { name: queue, messages: messageCount, consumers: consumerCount } };
}

function exchangeOptions(config: Config): Options.AssertExchange {
  return {
    durable: config["exchange.durable"],
    autoDelete: config["exchange.auto_delete"],
    internal: config["exchange.internal"],
    arguments: config["exchange.arguments"] ?? {},
  };
}

function queueOptions(config: Config): Options.AssertQueue {
  const type = config["queue.type"];
  return {
    // The other types are always durable.
    durable: config["queue.durable"] ?? (type === "quorum" || type === "stream"),
    autoDelete: config["queue.auto_delete"],
    exclusive: config["queue.exclusive"],
    arguments: { ...config["queue.arguments"], ...(type !== undefined && { "x-queue-type": type }) },
  };
}
