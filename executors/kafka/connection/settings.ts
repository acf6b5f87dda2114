import { readTls, type TlsMaterial } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";

/** How to log in. */
export type LoginSettings =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "oauthbearer"; readonly token: TokenSource };

/** Where an OAUTHBEARER login gets its token. */
export type TokenSource =
  | { readonly kind: "given"; readonly token: string }
  | {
      readonly kind: "client-credentials";
      readonly url: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope: string | undefined;
    };

/** Everything that makes a difference to a connection; plain data, so that equal settings have equal digests. */
export interface ClusterSettings {
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls: TlsMaterial | undefined;
  readonly login: LoginSettings | undefined;
  readonly idempotent: boolean;
  readonly transactional: boolean;
  /** Undefined with `transactional`: each producer makes one up. */
  readonly transactionalId: string | undefined;
}

/** @throws {RemoteFailure} `FILE_UNREADABLE`, `TLS_MATERIAL_INVALID` */
export async function clusterSettings(config: Config, signal: AbortSignal): Promise<ClusterSettings> {
  return {
    brokers: config.brokerAddress,
    clientId: config.client_id,
    tls: config.tlsEnable
      ? await readTls({ ...config, tls_no_verify: config.tlsInsecureSkipVerify }, signal)
      : undefined,
    login: loginSettings(config),
    idempotent: isIdempotent(config),
    transactional: isTransactional(config),
    transactionalId: config.transactional_id,
  };
}

export function isTransactional(config: Config): boolean {
  return config.transaction || config.transactional_id !== undefined;
}

/** Unless told otherwise, wherever it is possible. */
function isIdempotent(config: Config): boolean {
  return isTransactional(config) || (config.acks === "all" && config.idempotent !== false);
}

/** `check` has seen to it that what belongs together is there. */
function loginSettings(config: Config): LoginSettings | undefined {
  const mechanism = config.saslMechanism;
  if (mechanism === undefined) return undefined;
  if (mechanism !== "oauthbearer") {
    return { mechanism, username: config.saslUsername ?? "", password: config.saslPassword ?? "" };
  }
  if (config.sasl_token !== undefined) return { mechanism, token: { kind: "given", token: config.sasl_token } };
  return {
    mechanism,
    token: {
      kind: "client-credentials",
      url: config.sasl_token_url?.href ?? "",
      clientId: config.sasl_client_id ?? "",
      clientSecret: config.sasl_client_secret ?? "",
      scope: config.sasl_scope,
    },
  };
}
