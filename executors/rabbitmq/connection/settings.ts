import { readTls, type TlsMaterial } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";
import { defaults } from "../defaults.ts";
import type { Address } from "./address.ts";

export type Mechanism = "plain" | "amqplain" | "external";

/** How to reach and enter one broker. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly tls: TlsMaterial | undefined;
  readonly mechanism: Mechanism;
  readonly username: string;
  readonly password: string;
}

/** Everything that makes a difference to a connection; plain data, so that equal settings have equal digests. */
export interface ConnectionSettings {
  /** In the order in which they are tried. */
  readonly endpoints: readonly Endpoint[];
  readonly heartbeatMs: number;
  readonly name: string;
  /** Set when the connection must not be shared: its owner's id. */
  readonly owner: string | undefined;
}

/** @throws {RemoteFailure} `FILE_UNREADABLE`, `TLS_MATERIAL_INVALID` */
export async function connectionSettings(
  config: Config,
  owner: string,
  signal: AbortSignal,
): Promise<ConnectionSettings> {
  const endpoints = config.url.map((address) => endpointOf(config, address, signal));
  return {
    endpoints: await Promise.all(endpoints),
    heartbeatMs: heartbeatOf(config),
    name: config.connection_name,
    // An exclusive queue belongs to its connection, and so to one execution.
    owner: config["queue.exclusive"] ? owner : undefined,
  };
}

async function endpointOf(config: Config, address: Address, signal: AbortSignal): Promise<Endpoint> {
  const { host, port, vhost, options } = address;
  const mechanism = mechanismOf(config, address);
  const named = mechanism !== "external";
  return {
    host,
    port,
    vhost: config.vhost ?? vhost,
    tls: address.tls ? await readTls(tlsOf(config, options), signal) : undefined,
    mechanism,
    username: named ? (config.username ?? address.username ?? "guest") : "",
    password: named ? (config.password ?? address.password ?? defaultPassword(config, address)) : "",
  };
}

/** Only who is not named at all is a guest. */
function defaultPassword(config: Config, address: Address): string {
  return (config.username ?? address.username) === undefined ? "guest" : "";
}

export function mechanismOf(config: Config, { options }: Address): Mechanism {
  const fromUrl = options.auth_mechanism?.toLowerCase();
  return config.auth ?? mechanisms.find((name) => name === fromUrl) ?? "plain";
}

export const mechanisms = ["plain", "amqplain", "external"] as const satisfies readonly Mechanism[];

function heartbeatOf(config: Config): number {
  const seconds = config.url[0]?.options.heartbeat;
  return config.heartbeat ?? (seconds === undefined ? undefined : Number(seconds) * 1000) ?? defaults.heartbeatMs;
}

/** The keys of the job count more than the query of the URL. */
function tlsOf(config: Config, options: Address["options"]): Parameters<typeof readTls>[0] {
  return {
    ...config,
    tls_ca_file: config.tls_ca_file ?? (config.tls_ca === undefined ? options.cacertfile : undefined),
    tls_certificate_file:
      config.tls_certificate_file ?? (config.tls_certificate === undefined ? options.certfile : undefined),
    tls_certificate_key_file:
      config.tls_certificate_key_file ?? (config.tls_certificate_key === undefined ? options.keyfile : undefined),
    tls_server_name: config.tls_server_name ?? options.server_name_indication,
  };
}
