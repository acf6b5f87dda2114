import type { Violation } from "@executor-host/sdk";
import { checkTls, tlsKeysSet } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { mechanismOf } from "./connection/settings.ts";
import { exchangeOf } from "./message/collect.ts";

type Key = keyof Config;

const bodyKeys: readonly Key[] = ["message.body", "message.base64Body", "message.json", "message.file"];
const listKeys: readonly Key[] = ["messages", "messages_ndjson", "messages_file"];
const queueDeclarationKeys: readonly Key[] = [
  "queue.type",
  "queue.durable",
  "queue.auto_delete",
  "queue.exclusive",
  "queue.arguments",
];
const exchangeDeclarationKeys: readonly Key[] = [
  "exchange.type",
  "exchange.auto_delete",
  "exchange.internal",
  "exchange.arguments",
];

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...exclusive(config, [...bodyKeys, ...listKeys]),
    ...checkTarget(config),
    ...checkQueue(config),
    ...checkExchange(config),
    ...checkCall(config),
    ...checkInFlight(config),
    ...checkLogin(config),
  ];
}

function checkTarget(config: Config): Violation[] {
  if (config.routing_key !== undefined || isSet(config, "queue.name") || isSet(config, "exchange")) return [];
  if (config.messages?.every(({ routingKey }) => routingKey !== undefined)) return [];
  if (config.messages_ndjson?.every(({ routingKey }) => routingKey !== undefined)) return [];
  return [violation("queue.name", "is required without exchange and routing_key", "name the queue to publish to")];
}

function checkQueue(config: Config): Violation[] {
  const violations: Violation[] = [];
  if (!isSet(config, "queue.name")) {
    const needs = (["queue.create", "queue.check", "queue.bindings"] as const).filter((key) => isSet(config, key));
    violations.push(...needs.map((key) => violation(key, "needs queue.name", "")));
  }
  if (!config["queue.create"]) {
    const stray = queueDeclarationKeys.filter((key) => isSet(config, key));
    // Dkron leaves out flags of a queue that it does not declare, and so do existing jobs.
    const harmful = stray.filter((key) => key === "queue.type" || key === "queue.arguments");
    violations.push(
      ...harmful.map((key) => violation(key, "has no effect without queue.create", "set queue.create=true")),
    );
    return violations;
  }
  if (config["queue.check"])
    violations.push(violation("queue.check", "cannot be combined with queue.create", "use one of them"));
  const type = config["queue.type"];
  if (type === "quorum" || type === "stream") {
    if (config["queue.durable"] === false) {
      violations.push(violation("queue.durable", `of a ${type} queue cannot be false`, "leave it out"));
    }
    for (const key of ["queue.auto_delete", "queue.exclusive"] as const) {
      if (config[key]) violations.push(violation(key, `is not possible with a ${type} queue`, ""));
    }
  }
  if (type !== undefined && config["queue.arguments"]?.["x-queue-type"] !== undefined) {
    violations.push(violation("queue.arguments", "cannot hold x-queue-type with queue.type", "use one of them"));
  }
  return violations;
}

function checkExchange(config: Config): Violation[] {
  const violations: Violation[] = [];
  const isDefault = exchangeOf(config) === "";
  for (const key of ["exchange.create", "exchange.check"] as const) {
    if (isSet(config, key) && isDefault) {
      violations.push(violation(key, "needs an exchange other than the default one", "name it in exchange"));
    }
  }
  if (config["exchange.create"]) {
    if (config["exchange.check"]) {
      violations.push(violation("exchange.check", "cannot be combined with exchange.create", "use one of them"));
    }
    if (config["exchange.internal"]) {
      violations.push(violation("exchange.internal", "is not possible here: nobody could publish to it", ""));
    }
    return violations;
  }
  const stray = exchangeDeclarationKeys.filter((key) => isSet(config, key));
  return [
    ...violations,
    ...stray.map((key) => violation(key, "has no effect without exchange.create", "set exchange.create=true")),
  ];
}

function checkInFlight(config: Config): Violation[] {
  if (config.in_flight === 1) return [];
  const stray = config.rpc ? "rpc" : config.confirm ? undefined : "confirm=false";
  return stray === undefined ? [] : [violation("in_flight", `has no effect with ${stray}`, "leave it out")];
}

function checkCall(config: Config): Violation[] {
  if (!config.rpc) return [];
  const violations: Violation[] = [];
  const list = listKeys.find((key) => isSet(config, key));
  if (list !== undefined) violations.push(violation(list, "cannot be combined with rpc", "one message has one reply"));
  if (isSet(config, "message.reply_to")) {
    violations.push(violation("message.reply_to", "cannot be combined with rpc", "rpc sets it"));
  }
  if (!config.confirm) violations.push(violation("confirm", "cannot be false with rpc", "leave it out"));
  return violations;
}

function checkLogin(config: Config): Violation[] {
  const violations: Violation[] = [...checkTls(config)];
  const secured = config.url.some(({ tls }) => tls);
  if (!secured) {
    const keys = tlsKeysSet(config);
    violations.push(...keys.map((key) => violation(key, "has no effect without TLS", "write amqps in url")));
  }
  for (const address of config.url) {
    const named = address.options.auth_mechanism?.toLowerCase();
    if (named !== undefined && config.auth === undefined && mechanismOf(config, address) !== named) {
      violations.push(violation("url", "has an unknown auth_mechanism", "plain, amqplain or external"));
    }
    if (mechanismOf(config, address) !== "external") continue;
    if (!address.tls) violations.push(violation("auth", "external needs TLS", "write amqps in url"));
    const certificate = config.tls_certificate ?? config.tls_certificate_file ?? address.options.certfile;
    if (certificate === undefined) {
      violations.push(violation("tls_certificate_file", "is required with auth=external", ""));
    }
  }
  const external = config.auth === "external";
  for (const key of ["username", "password"] as const) {
    if (external && isSet(config, key)) violations.push(violation(key, "has no effect with auth=external", ""));
  }
  const heartbeats = config.url.map(({ options }) => options.heartbeat).filter((one) => one !== undefined);
  if (heartbeats.some((one) => !/^\d{1,5}$/.test(one))) {
    violations.push(violation("url", "has a heartbeat that is no number of seconds", ""));
  }
  return violations;
}

function exclusive(config: Config, keys: readonly Key[]): Violation[] {
  const [first, ...others] = keys.filter((key) => isSet(config, key));
  return others.map((key) => violation(key, `cannot be combined with ${first}`, "use one of them"));
}

/** An empty text or no bytes, and a flag that is off, count as not set. */
function isSet(config: Config, key: Key): boolean {
  const value: unknown = config[key];
  if (value instanceof Uint8Array) return value.length > 0;
  return value !== undefined && value !== "" && value !== false;
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
