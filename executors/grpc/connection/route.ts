import { readTls, tlsKeysSet, type TlsMaterial } from "@executor-host/sdk/remote";

import type { Config } from "../config.ts";

/** Everything that makes a difference to a connection. Plain data. */
export interface Route {
  readonly address: string;
  /** For people. */
  readonly peer: string;
  /** Undefined: no TLS. */
  readonly tls: TlsMaterial | undefined;
  readonly authority: string | undefined;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number | undefined;
  readonly gzip: boolean;
  readonly keepaliveTimeMs: number | undefined;
  readonly keepaliveTimeoutMs: number;
  readonly retry: { readonly attempts: number; readonly codes: readonly string[]; readonly backoffMs: number };
}

/**
 * The way to the server of a job.
 *
 * @throws {RemoteFailure} for files that cannot be used
 */
export async function routeOf(config: Config, signal: AbortSignal): Promise<Route> {
  const { url } = config;
  const secure = config.tls ?? url.tls ?? tlsKeysSet(config).length > 0;
  return {
    address: url.address,
    peer: url.peer,
    tls: secure ? await readTls(config, signal) : undefined,
    authority: config.authority,
    maxReceiveBytes: config.max_receive_bytes,
    maxSendBytes: config.max_send_bytes,
    gzip: config.compression === "gzip",
    keepaliveTimeMs: config.keepalive_time,
    keepaliveTimeoutMs: config.keepalive_timeout,
    retry: { attempts: config.retry_attempts, codes: config.retry_codes, backoffMs: config.retry_backoff },
  };
}
