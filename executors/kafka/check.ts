import type { Violation } from "@executor-host/sdk";
import { checkTls, tlsKeysSet } from "@executor-host/sdk/remote";

import type { Config } from "./config.ts";
import { isTransactional } from "./connection/settings.ts";

type Key = keyof Config;

const valueKeys: readonly Key[] = ["message", "message_base64", "message_json", "message_file", "tombstone"];
const listKeys: readonly Key[] = ["messages", "messages_ndjson", "messages_file"];
/** What belongs to one record, and so into each object of a list. */
const recordKeys: readonly Key[] = ["key", "key_base64", "partition", "timestamp"];
const passwordKeys: readonly Key[] = ["saslUsername", "saslPassword"];
const clientKeys: readonly Key[] = ["sasl_token_url", "sasl_client_id", "sasl_client_secret"];
const tokenKeys: readonly Key[] = ["sasl_token", ...clientKeys, "sasl_scope"];

/** Contradictions between keys. */
export function check(config: Config): Violation[] {
  return [
    ...exclusive(config, [...valueKeys, ...listKeys]),
    ...exclusive(config, ["key", "key_base64"]),
    ...checkLists(config),
    ...checkDelivery(config),
    ...checkLogin(config),
    ...checkEncryption(config),
  ];
}

function checkLists(config: Config): Violation[] {
  const list = listKeys.find((key) => isSet(config, key));
  if (list === undefined) return [];
  return recordKeys
    .filter((key) => isSet(config, key))
    .map((key) => violation(key, `cannot be combined with ${list}`, "give it in each record"));
}

function checkDelivery(config: Config): Violation[] {
  const violations: Violation[] = [];
  const weak = config.acks === "all" ? undefined : config.acks;
  if (weak !== undefined && config.idempotent === true) {
    violations.push(violation("idempotent", `needs acks=all: ${weak}`, "leave it out, or set acks=all"));
  }
  if (isTransactional(config) && weak !== undefined) {
    violations.push(violation("acks", `of a transaction must be all: ${weak}`, ""));
  }
  if (isTransactional(config) && config.idempotent === false) {
    violations.push(violation("idempotent", "cannot be false in a transaction", "leave it out"));
  }
  if (!config.create_topic) {
    for (const key of ["create_topic_partitions", "create_topic_replication"] as const) {
      if (isSet(config, key))
        violations.push(violation(key, "has no effect without create_topic", "set create_topic=true"));
    }
  }
  return violations;
}

function checkLogin(config: Config): Violation[] {
  const { saslMechanism: mechanism } = config;
  const stray = (keys: readonly Key[], hint: string): Violation[] =>
    keys
      .filter((key) => isSet(config, key))
      .map((key) => violation(key, "has no effect with this saslMechanism", hint));
  const missing = (keys: readonly Key[], because: string): Violation[] =>
    keys.filter((key) => !isSet(config, key)).map((key) => violation(key, `is required ${because}`, ""));
  if (mechanism === undefined) {
    const used = [...passwordKeys, ...tokenKeys].find((key) => isSet(config, key));
    return used === undefined ? [] : missing(["saslMechanism"], `with ${used}`);
  }
  if (mechanism !== "oauthbearer") {
    return [
      ...missing(passwordKeys, "with saslMechanism"),
      ...stray(tokenKeys, "it belongs to saslMechanism=oauthbearer"),
    ];
  }
  const misplaced = stray(passwordKeys, "oauthbearer uses sasl_token or sasl_token_url");
  if (isSet(config, "sasl_token")) {
    const both = [...clientKeys, "sasl_scope" as const].filter((key) => isSet(config, key));
    return [
      ...misplaced,
      ...both.map((key) => violation(key, "cannot be combined with sasl_token", "use one of them")),
    ];
  }
  if (!clientKeys.some((key) => isSet(config, key))) {
    return [...misplaced, violation("sasl_token", "is required with oauthbearer", "or give sasl_token_url")];
  }
  return [...misplaced, ...missing(clientKeys, "to get a token")];
}

function checkEncryption(config: Config): Violation[] {
  const tls = { ...config, tls_no_verify: false };
  if (config.tlsEnable) return checkTls(tls);
  const keys = [...tlsKeysSet(tls), ...(config.tlsInsecureSkipVerify ? ["tlsInsecureSkipVerify"] : [])];
  return keys.map((key) => violation(key, "has no effect without tlsEnable", "set tlsEnable=true"));
}

function exclusive(config: Config, keys: readonly Key[]): Violation[] {
  const [first, ...others] = keys.filter((key) => isSet(config, key));
  return others.map((key) => violation(key, `cannot be combined with ${first}`, "use one of them"));
}

/** An empty text, and a flag that is off, count as not set. */
function isSet(config: Config, key: Key): boolean {
  const value = config[key];
  return value !== undefined && value !== "" && value !== false;
}

function violation(field: string, message: string, hint: string): Violation {
  return { field, message, hint };
}
