import type { Execution } from "@executor-host/sdk";

import type { Config } from "../config.ts";
import { proxyFor } from "../connection/proxy.ts";
import type { Route } from "../connection/route.ts";
import { offeredEncodings } from "../response/decode.ts";
import { tlsSettings } from "../tls/material.ts";
import { bodyOf } from "./body.ts";
import { hasHeader, withDefaults, withoutManaged, type HeaderList } from "./headers.ts";
import type { OutgoingRequest } from "./redirect.ts";
import { hostnameOf, portOf, withQuery } from "./target.ts";
import { traceHeaders } from "./trace-context.ts";

/** Everything that is the same for all attempts of an execution. */
export interface Prepared {
  readonly request: OutgoingRequest;
  /** Undo content codings; not if the job asked for one itself. */
  readonly decompress: boolean;
  readonly routeTo: RouteTo;
}

/**
 * The way to a URL.
 *
 * @param trusted the job itself names this URL's origin, and did not merely get redirected there; only then our certificate is shown
 * @throws {RequestFailure} `PROXY_FAILED` when the environment names no proper proxy
 */
export type RouteTo = (url: URL, trusted: boolean) => Route;

/**
 * Read files, and lay out the request.
 *
 * @throws {RequestFailure} `FILE_UNREADABLE`, `TLS_MATERIAL_INVALID`
 */
export async function prepare(execution: Execution<Config>, userAgent: string): Promise<Prepared> {
  const { config } = execution;
  const [body, routeTo] = await Promise.all([bodyOf(config), routes(config)]);
  const { headers, dropped } = withoutManaged(config.headers ?? []);
  for (const name of dropped)
    execution.warn(`header ${name} follows from the request itself; the one in headers was left out`);
  const decompress = !hasHeader(headers, "accept-encoding") && !hasHeader(headers, "range");
  const additions: HeaderList = [
    ["User-Agent", userAgent],
    ...(decompress ? ([["Accept-Encoding", offeredEncodings]] as const) : []),
    ...(body?.contentType === undefined ? [] : ([["Content-Type", body.contentType]] as const)),
    ...(config.idempotency_key ? ([["Idempotency-Key", execution.id]] as const) : []),
    ...traceHeaders(execution.traceContext),
  ];
  return {
    request: {
      method: config.method,
      url: withoutCredentials(withQuery(config.url, config.query ?? [])),
      headers: withDefaults(headers, additions),
      body: body?.content,
    },
    decompress,
    routeTo,
  };
}

/** The ways that a config allows. */
export async function routes(config: Config): Promise<RouteTo> {
  const tls = await tlsSettings(config);
  const forOthers = { ...tls, certificate: undefined, key: undefined, passphrase: undefined, serverName: undefined };
  return (url, trusted) => {
    const own = url.origin === config.url.origin;
    return {
      secure: url.protocol === "https:",
      hostname: hostnameOf(url),
      port: portOf(url),
      unixSocket: config.unix_socket,
      proxy: config.unix_socket === undefined ? proxyFor(config.proxy, url, process.env) : undefined,
      tls: trusted ? { ...tls, serverName: own ? tls.serverName : undefined } : forOthers,
      addresses: config.resolve,
      localAddress: config.local_address,
      httpVersion: config.http_version,
    };
  };
}

/** User and password travel in a header, never in a URL. */
function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare;
}
